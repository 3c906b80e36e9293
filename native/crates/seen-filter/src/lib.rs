//! A Bloom filter of ids as plain bytes: what a viewer was shown.
//!
//! A filter is its bits and nothing else: bit 0 is the most significant bit of byte 0, as Redis
//! SETBIT and GETBIT count. So a store can set bits without this crate, and every length is a filter;
//! the empty one has nothing. Probes come from two hashes (Kirsch, Mitzenmacher 2008), each a round
//! of `SplitMix64`, and are scaled to the length by a multiplication.

mod hash;

use hash::{probe, seeds};

/// Bits set and looked at for each id.
pub const PROBES: usize = 7;

/// Bits for each id of the capacity: with [`PROBES`] that is 0.8 % of ids taken for seen wrongly.
const BITS_PER_ID: usize = 10;

/// Bits of a byte.
const BYTE_BITS: usize = 8;

/// How many bytes a filter of `capacity` ids has.
#[must_use]
pub fn size_for(capacity: usize) -> usize {
    capacity.saturating_mul(BITS_PER_ID).div_ceil(BYTE_BITS)
}

/// A filter for `capacity` ids that has `ids`.
#[must_use]
pub fn build(ids: impl IntoIterator<Item = i64>, capacity: usize) -> Vec<u8> {
    let mut filter = vec![0; size_for(capacity)];
    for id in ids {
        for bit in bits(filter.len(), id) {
            if let Some(byte) = filter.get_mut(byte_of(bit)) {
                *byte |= mask_of(bit);
            }
        }
    }
    filter
}

/// Whether the filter has the id; true for few ids that it does not have, never false for one it has.
#[must_use]
pub fn contains(filter: &[u8], id: i64) -> bool {
    let has = |bit| {
        let byte = filter.get(byte_of(bit));
        byte.is_some_and(|byte| byte & mask_of(bit) != 0)
    };
    !filter.is_empty() && bits(filter.len(), id).all(has)
}

/// The offsets of the bits that stand for an id in a filter of `size` bytes; none in an empty one.
pub fn bits(size: usize, id: i64) -> impl Iterator<Item = u64> {
    let length = (size as u64).saturating_mul(BYTE_BITS as u64);
    let seeds = seeds(id);
    let probes = if size == 0 { 0 } else { PROBES as u64 };
    (0..probes).map(move |nth| probe(seeds, nth, length))
}

fn byte_of(bit: u64) -> usize {
    usize::try_from(bit / BYTE_BITS as u64).unwrap_or(usize::MAX)
}

fn mask_of(bit: u64) -> u8 {
    0x80 >> (bit % BYTE_BITS as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_filter_has_nothing() {
        assert!(!contains(&[], 5));
        assert_eq!(bits(0, 5).count(), 0);
        assert_eq!(build([5], 0), Vec::<u8>::new());
    }

    #[test]
    fn a_full_filter_has_everything() {
        assert!(contains(&[0xff], 5));
    }

    #[test]
    fn bit_zero_is_the_most_significant() {
        assert_eq!((byte_of(0), mask_of(0)), (0, 0x80));
        assert_eq!((byte_of(15), mask_of(15)), (1, 0x01));
    }
}
