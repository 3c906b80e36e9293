//! The hashes of an id, and the bits they stand for.

/// Added to the id before it is hashed the second time; any odd number will do.
const OTHER: u64 = 0x9fb2_1c65_1e98_df25;

/// Where the probes of an id start, and how far they are apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    start: u64,
    step: u64,
}

pub(crate) fn seeds(id: i64) -> Seeds {
    let id = id.cast_unsigned();
    Seeds {
        start: mix(id),
        // Odd, so that no two probes of an id have the same hash.
        step: mix(id.wrapping_add(OTHER)) | 1,
    }
}

/// The `nth` of an id's bits among `length` bits.
pub(crate) fn probe(seeds: Seeds, nth: u64, length: u64) -> u64 {
    let hash = seeds.start.wrapping_add(nth.wrapping_mul(seeds.step));
    // The upper half of the product: the hash scaled to the length (Lemire 2019).
    let scaled = (u128::from(hash) * u128::from(length)) >> u64::BITS;
    u64::try_from(scaled).unwrap_or(0)
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014): the same in every process and version.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
