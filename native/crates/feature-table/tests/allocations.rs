//! One feed's allocations: as many for 500 candidates as for 2,000, and for 2 sources as for 501.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use feature_table::{EPOCH_MS, FeatureTable, PostFeatures, Ranking, Sources, TableSettings};
use feed_rank::RankSettings;

const VIEWER: i64 = 1;
const AUTHORS: i64 = 500;
const KINDS: i64 = 5;
const POSTS: i64 = 4_000;

/// Ids of posts, one of them a minute.
fn id(at: i64) -> i64 {
    (at * 60_000) << 22
}

/// Posts of many authors, every fourth of them a repost of what `original_of` says.
fn filled(original_of: impl Fn(i64) -> i64) -> FeatureTable {
    let mut table = FeatureTable::new(TableSettings::new(100_000, 1000, 1e9).unwrap());
    for at in 1..=POSTS {
        table.upsert_post(&PostFeatures {
            id: id(at),
            author_id: 1_000 + at % AUTHORS,
            kind: u8::try_from(at % KINDS).unwrap(),
            original_id: if at % 4 == 0 { id(original_of(at)) } else { 0 },
            ..PostFeatures::default()
        });
    }
    for author in 0..AUTHORS {
        table.set_affinity(VIEWER, 1_000 + author, 5.0, EPOCH_MS);
    }
    table
}

/// Allocations of one ranking of `cap` posts out of so many authors, and how many posts it has.
fn allocations(table: &FeatureTable, cap: usize, authors: i64, shown: &[i64]) -> (u64, usize) {
    let inbox: Vec<i64> = (1..=POSTS).map(id).collect();
    let authors: Vec<i64> = (0..authors).map(|author| 1_000 + author).collect();
    let sources = Sources {
        viewer_id: VIEWER,
        inbox: &inbox,
        authors: &authors,
        floor_id: 0,
        ceiling_id: i64::MAX,
        cap,
    };
    let ranking = Ranking {
        settings: &RankSettings::default(),
        now_ms: EPOCH_MS + POSTS * 60_000,
        shown,
        seen: |id: i64| id % 3 == 0,
        limit: usize::MAX,
    };
    let mut posts = 0;
    let counted =
        allocation_counter::measure(|| posts = table.rank(&sources, &ranking).items.len());
    assert_eq!(counted.count_current, 0, "all is given back");
    (counted.count_total, posts)
}

#[test]
fn a_feed_allocates_as_often_for_many_candidates_as_for_few() {
    let table = filled(|at| at / 4);
    let (few, of_few) = allocations(&table, 500, 1, &[]);
    let (many, of_many) = allocations(&table, 2_000, 1, &[]);
    assert_eq!((of_few, of_many), (500, 2_000));
    assert_eq!(many, few, "of 2,000 candidates and of 500");
    // Buffers of the stages, and for each of the two tiers a heap a kind.
    assert!(few <= 24, "{few} allocations");
}

#[test]
fn neither_sources_nor_earlier_pages_add_any_but_their_own_buffers() {
    let table = filled(|at| at / 4);
    let (one, _) = allocations(&table, 800, 1, &[]);
    let (all, _) = allocations(&table, 800, AUTHORS, &[]);
    assert_eq!(all, one, "of {AUTHORS} authors and of one");
    let shown: Vec<i64> = (POSTS - 300..POSTS).map(id).collect();
    let (later, _) = allocations(&table, 800, 1, &shown);
    // What was shown: its originals, its authors and kinds.
    assert!(later <= one + 2, "{later} of {one}");
}

#[test]
fn copies_of_one_post_let_a_buffer_grow() {
    let table = filled(|_| 1);
    let (few, of_few) = allocations(&table, 500, 1, &[]);
    let (many, of_many) = allocations(&table, 2_000, 1, &[]);
    assert_eq!((of_few, of_many), (500, 2_000));
    // Candidates are buffered before the copies among them are dropped: room for the cap, doubled
    // when that is too little. Two thousand posts need 2,667 candidates here.
    assert!(many <= few + 1, "{many} of {few}");
}
