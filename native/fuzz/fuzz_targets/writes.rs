//! Writes of any order with numbers of any size, over few ids so that they meet.

use arbitrary::Arbitrary;
use feature_table::{CounterChanges, FeatureTable, PostFeatures, RelationBits};
use feed_rank::Counters;

/// One of few ids; the last are those at the ends.
pub fn id(byte: u8) -> i64 {
    match byte {
        255 => i64::MAX,
        254 => i64::MIN,
        253 => -1,
        252 => 0,
        few => i64::from(few % 64) * (3_600_000 << 22) + 1,
    }
}

/// One of few people.
pub fn person(byte: u8) -> i64 {
    i64::from(byte % 8)
}

/// A write of the table.
#[derive(Arbitrary, Debug)]
pub enum Write {
    Post {
        id: u8,
        author: u8,
        original: Option<u8>,
        counters: [u32; 5],
        kind: u8,
        spam: u8,
    },
    Delete(u8),
    Private(u8, bool),
    Relation(u8, u8, u8, u8),
    Report(u8, u8),
    Affinity(u8, u8, f64, i64),
    Interaction(u8, u8, f64, i64),
    Counts(u8, [i32; 5]),
    Followers(u8, i32),
}

impl Write {
    /// Does it, as the binding lets it through.
    pub fn apply(&self, table: &mut FeatureTable) {
        match *self {
            Self::Post {
                id: post,
                author,
                original,
                counters: [likes, reposts, opens, impressions, report_trust],
                kind,
                spam,
            } => {
                table.upsert_post(&PostFeatures {
                    id: id(post),
                    author_id: person(author),
                    original_id: original.map_or(0, id),
                    counters: Counters {
                        likes,
                        reposts,
                        opens,
                        impressions,
                        report_trust,
                    },
                    kind: kind % 4,
                    spam: spam % 101,
                });
            }
            Self::Delete(post) => {
                table.delete_post(id(post));
            }
            Self::Private(author, is_private) => table.set_private(person(author), is_private),
            Self::Relation(viewer, other, bits, mask) => {
                let made = |bits: u8| RelationBits::from_bits(bits % 8).unwrap_or_default();
                table.set_relation(person(viewer), person(other), made(bits), made(mask));
            }
            Self::Report(viewer, post) => table.add_viewer_report(person(viewer), id(post)),
            Self::Affinity(viewer, author, weight, at_ms) => {
                if weight.is_finite() && weight >= 0.0 {
                    table.set_affinity(person(viewer), person(author), weight, at_ms);
                }
            }
            Self::Interaction(viewer, author, weight, at_ms) => {
                if weight.is_finite() {
                    table.add_interaction(person(viewer), person(author), at_ms, weight);
                }
            }
            Self::Counts(post, [likes, reposts, opens, impressions, report_trust]) => {
                table.add_counts(
                    id(post),
                    &CounterChanges {
                        likes,
                        reposts,
                        opens,
                        impressions,
                        report_trust,
                    },
                );
            }
            Self::Followers(author, change) => table.add_followers(person(author), change),
        }
    }
}
