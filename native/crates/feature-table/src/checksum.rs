//! A checksum of content that does not depend on order: two tables can be compared by it.

use crate::posts::{PostRecord, Slot};
use crate::table::FeatureTable;

/// Steps per doubling to which the checksum rounds an affinity: sums of the same likes in another
/// order differ by far less, and a missing like by far more.
const STEPS_PER_DOUBLING: f64 = 1e4;

/// A wrapping sum of one hash per item.
#[derive(Debug, Default)]
struct Checksum(u64);

/// Marks what an item is, so that equal numbers of two kinds differ.
#[derive(Clone, Copy, Debug)]
enum Item {
    Post = 1,
    Followers = 2,
    Affinity = 3,
    Private = 4,
    Relation = 5,
    Report = 6,
}

impl Checksum {
    fn add(&mut self, item: Item, words: &[i64]) {
        let seed = mix(item as u64);
        let hash = words
            .iter()
            .fold(seed, |hash, word| mix(hash ^ word.cast_unsigned()));
        self.0 = self.0.wrapping_add(hash);
    }

    fn value(&self) -> u64 {
        self.0
    }
}

impl FeatureTable {
    /// A checksum of everything a feed can depend on, whatever order it came in: live posts with
    /// their counters, follower counts, privacy, relations, viewers' reports and affinities.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        let mut checksum = Checksum::default();
        for record in self.posts.iter().filter(|record| !record.deleted) {
            self.add_post(&mut checksum, record);
        }
        for author in self.authors.iter() {
            if author.followers > 0 {
                checksum.add(Item::Followers, &[author.id, i64::from(author.followers)]);
            }
            if author.is_private {
                checksum.add(Item::Private, &[author.id]);
            }
        }
        for (viewer_id, relation) in self.relations.iter() {
            let bits = i64::from(relation.bits.bits());
            let other_id = self.author_id(Some(relation.other));
            checksum.add(Item::Relation, &[viewer_id, other_id, bits]);
        }
        for (viewer_id, post_id) in self.viewer_reports.iter() {
            checksum.add(Item::Report, &[viewer_id, post_id]);
        }
        self.add_affinities(&mut checksum);
        checksum.value()
    }

    fn add_post(&self, checksum: &mut Checksum, record: &PostRecord) {
        let counters = &record.counters;
        let words = [
            record.id,
            self.author_id(record.author),
            record.original_id,
            i64::from(record.kind),
            i64::from(record.spam),
            i64::from(counters.likes),
            i64::from(counters.reposts),
            i64::from(counters.opens),
            i64::from(counters.impressions),
            i64::from(counters.report_trust),
        ];
        checksum.add(Item::Post, &words);
    }

    fn add_affinities(&self, checksum: &mut Checksum) {
        for (viewer_id, entry) in self.affinities.iter() {
            let log2 = entry.log2_at_epoch(self.settings.affinity_half_life_ms);
            #[allow(
                clippy::cast_possible_truncation,
                reason = "rounding to steps; saturates"
            )]
            let steps = (log2 * STEPS_PER_DOUBLING).round() as i64;
            let author_id = self.author_id(Some(entry.author));
            checksum.add(Item::Affinity, &[viewer_id, author_id, steps]);
        }
    }

    fn author_id(&self, slot: Option<Slot>) -> i64 {
        let author = slot.and_then(|slot| self.authors.get(slot));
        author.map_or(0, |author| author.id)
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014): the same in every process and version.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_content_only() {
        let sum = |items: &[(Item, &[i64])]| {
            let mut checksum = Checksum::default();
            for (item, words) in items {
                checksum.add(*item, words);
            }
            checksum.value()
        };
        let one: (Item, &[i64]) = (Item::Post, &[1, 2]);
        let other: (Item, &[i64]) = (Item::Followers, &[1, 2]);
        assert_eq!(sum(&[one, other]), sum(&[other, one]));
        assert_ne!(sum(&[one]), sum(&[other]));
        assert_ne!(sum(&[one]), sum(&[(Item::Post, &[2, 1])]));
        assert_eq!(sum(&[]), 0);
    }
}
