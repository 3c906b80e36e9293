//! What an id tells: ids carry the time they were made at.

/// 2024-01-01T00:00:00Z in Unix milliseconds, where the ids' clock starts.
pub const EPOCH_MS: i64 = 1_704_067_200_000;

/// Bits below the milliseconds: 10 of the shard, 12 of the sequence.
const BITS_BELOW_MS: u32 = 22;

/// Unix milliseconds at which `id` was made.
#[must_use]
pub fn created_ms(id: i64) -> i64 {
    EPOCH_MS + (id >> BITS_BELOW_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_above_shard_and_sequence() {
        assert_eq!(created_ms((5 << 22) | (1023 << 12) | 4095), EPOCH_MS + 5);
    }
}
