//! Any bytes are a filter: no panic, bits within it, and it has what was added.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seen_filter::{PROBES, bits, build, contains};

fuzz_target!(|input: (Vec<u8>, Vec<i64>, u16)| {
    let (mut filter, ids, capacity) = input;
    for &id in &ids {
        let offsets: Vec<u64> = bits(filter.len(), id).collect();
        assert_eq!(offsets.len(), if filter.is_empty() { 0 } else { PROBES });
        let is_set = |offset: &u64| {
            let byte = filter[usize::try_from(offset / 8).expect("an offset within memory")];
            byte & (0x80 >> (offset % 8)) != 0
        };
        let all_set = !offsets.is_empty() && offsets.iter().all(is_set);
        assert_eq!(contains(&filter, id), all_set);
    }
    for &id in &ids {
        for offset in bits(filter.len(), id) {
            let byte = usize::try_from(offset / 8).expect("an offset within memory");
            filter[byte] |= 0x80 >> (offset % 8);
        }
    }
    assert!(filter.is_empty() || ids.iter().all(|&id| contains(&filter, id)));
    let built = build(ids.iter().copied(), usize::from(capacity));
    assert!(capacity == 0 || ids.iter().all(|&id| contains(&built, id)));
});
