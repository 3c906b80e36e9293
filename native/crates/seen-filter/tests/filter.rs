//! The filter against its definition.

use proptest::prelude::*;
use seen_filter::{PROBES, bits, build, contains, size_for};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn has_every_id_it_was_built_with(
        ids in prop::collection::vec(any::<i64>(), 0..300),
        capacity in 1..300_usize,
    ) {
        let filter = build(ids.iter().copied(), capacity);
        prop_assert_eq!(filter.len(), size_for(capacity));
        prop_assert!(ids.iter().all(|&id| contains(&filter, id)));
    }

    #[test]
    fn setting_the_bits_of_an_id_adds_it(
        ids in prop::collection::vec(any::<i64>(), 0..40),
        more in any::<i64>(),
        capacity in 1..60_usize,
    ) {
        let mut filter = build(ids.iter().copied(), capacity);
        for bit in bits(filter.len(), more) {
            let byte = usize::try_from(bit / 8).unwrap_or(usize::MAX);
            prop_assert!(byte < filter.len());
            if let Some(byte) = filter.get_mut(byte) {
                *byte |= 0x80 >> (bit % 8);
            }
        }
        prop_assert_eq!(filter, build(ids.into_iter().chain([more]), capacity));
    }
}

#[test]
fn few_are_taken_for_seen_wrongly() {
    for capacity in [100_i32, 2_000, 20_000] {
        // Ids as they are: milliseconds apart, low bits alike.
        let id = |at: i32| (i64::from(at) * 6_000) << 22;
        let filter = build(
            (0..capacity).map(id),
            usize::try_from(capacity).unwrap_or(0),
        );
        let others = capacity..capacity + 100_000;
        let wrong = others.filter(|&at| contains(&filter, id(at))).count();
        assert!(wrong < 1_500, "{wrong} of 100,000 at {capacity}");
    }
}

#[test]
fn an_id_has_the_same_bits_in_every_version() {
    let found: Vec<u64> = bits(1250, 1).collect();
    assert_eq!(found.len(), PROBES);
    assert_eq!(found, bits(1250, 1).collect::<Vec<_>>());
}
