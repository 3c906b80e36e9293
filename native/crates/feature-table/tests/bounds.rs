//! What a table may hold: the oldest posts make way, each post has its budget of bytes, and
//! counters their ends.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use feature_table::{CounterChanges, FeatureTable, PostFeatures, TableSettings};
use feed_rank::Counters;
use proptest::prelude::*;

fn table(max_posts: usize, posts_per_author: usize) -> FeatureTable {
    FeatureTable::new(TableSettings::new(max_posts, posts_per_author, 1000.0).unwrap())
}

fn post(id: i64, author_id: i64) -> PostFeatures {
    PostFeatures {
        id,
        author_id,
        ..PostFeatures::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_oldest_make_way(
        ids in prop::collection::vec(1..500_i64, 0..80),
        max_posts in 1..20_usize,
        posts_per_author in 1..10_usize,
    ) {
        let mut table = table(max_posts, posts_per_author);
        let mut kept = BTreeSet::new();
        let mut evicted = BTreeSet::new();
        for id in ids {
            table.upsert_post(&post(id, 1));
            kept.insert(id);
            if kept.len() > max_posts {
                evicted.extend(kept.pop_first());
            }
        }
        let stats = table.stats();
        prop_assert_eq!(stats.posts, kept.len());
        prop_assert_eq!(stats.evicted_to, evicted.last().copied().unwrap_or(0));
        let all: Vec<i64> = (1..500).collect();
        let missing: Vec<i64> = all.iter().copied().filter(|id| !kept.contains(id)).collect();
        prop_assert_eq!(table.missing(&all), missing);
        let newest: Vec<i64> = kept.iter().rev().copied().take(posts_per_author).collect();
        prop_assert_eq!(table.author_posts(1, i64::MAX, 100), newest);
    }
}

#[test]
fn a_hot_post_fits_its_budget() {
    // 128 bytes a post, indexes included, at any fill: right after growing is the worst.
    let mut table = table(1_000_000, 1000);
    for id in 1..=60_000_usize {
        let numbered = i64::try_from(id).unwrap();
        table.upsert_post(&post(numbered, numbered % 20_000));
        if id > 1000 && (id % 1000 == 0 || (id & (id - 1)) < 64) {
            let bytes = table.stats().post_bytes;
            assert!(bytes <= 128 * id, "{bytes} bytes for {id} posts");
        }
    }
}

#[test]
fn counters_saturate() {
    let mut table = table(10, 10);
    table.upsert_post(&post(5, 2));
    let all = |by| CounterChanges {
        likes: by,
        reposts: by,
        opens: by,
        impressions: by,
        report_trust: by,
    };
    assert!(table.add_counts(5, &all(i32::MIN)));
    assert_eq!(table.features(5), Some((post(5, 2), 0)));
    for _ in 0..3 {
        table.add_counts(5, &all(i32::MAX));
    }
    let most = Counters {
        likes: u32::MAX,
        reposts: u32::MAX,
        opens: u32::MAX,
        impressions: u32::MAX,
        report_trust: u32::MAX,
    };
    let found = table.features(5).map(|(post, _)| post.counters);
    assert_eq!(found, Some(most));
    assert!(!table.add_counts(6, &all(1)));
}
