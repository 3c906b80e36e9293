//! A checksum of content that does not depend on order: two tables can be compared by it.

/// A wrapping sum of one hash per item.
#[derive(Debug, Default)]
pub(crate) struct Checksum(u64);

/// Marks what an item is, so that equal numbers of two kinds differ.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    Post = 1,
    Followers = 2,
    Affinity = 3,
}

impl Checksum {
    pub(crate) fn add(&mut self, item: Item, words: &[i64]) {
        let seed = mix(item as u64);
        let hash = words
            .iter()
            .fold(seed, |hash, word| mix(hash ^ word.cast_unsigned()));
        self.0 = self.0.wrapping_add(hash);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
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
