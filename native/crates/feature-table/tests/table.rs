//! The table against a naive model: plain maps that recompute everything.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use feature_table::{EPOCH_MS, FeatureTable, Like, PostFeatures, TableSettings};
use feed_rank::Affinity;
use proptest::prelude::*;

const HALF_LIFE_MS: f64 = 1000.0;
const VIEWERS: std::ops::Range<i64> = 1..4;
const AUTHORS: std::ops::Range<i64> = 1..5;

fn table(max_posts: usize, posts_per_author: usize) -> FeatureTable {
    FeatureTable::new(TableSettings::new(max_posts, posts_per_author, HALF_LIFE_MS).unwrap())
}

fn post(id: i64, author_id: i64) -> PostFeatures {
    PostFeatures {
        id,
        author_id,
        kind: u8::try_from(id % 3).unwrap(),
        likes: 0,
        reports: 0,
    }
}

fn like(viewer_id: i64, post_id: i64, at_ms: i64, change: i8) -> Like {
    Like {
        viewer_id,
        post_id,
        author_id: None,
        at_ms,
        change,
    }
}

/// Author of a post in these tests.
fn author_of(post_id: i64) -> i64 {
    AUTHORS.start + post_id % (AUTHORS.end - AUTHORS.start)
}

#[derive(Clone, Debug)]
enum Event {
    Create(i64),
    Delete(i64),
    Like(i64, i64, i64),
    Unlike(i64, i64),
    Report(i64),
    Follow(i64, i32),
}

fn event() -> impl Strategy<Value = Event> {
    let id = 1..30_i64;
    prop_oneof![
        6 => id.clone().prop_map(Event::Create),
        1 => id.clone().prop_map(Event::Delete),
        4 => (VIEWERS, id.clone(), 0..5000_i64).prop_map(|(v, p, t)| Event::Like(v, p, EPOCH_MS + t)),
        2 => (VIEWERS, id.clone()).prop_map(|(v, p)| Event::Unlike(v, p)),
        1 => id.prop_map(Event::Report),
        1 => (AUTHORS, -2..4_i32).prop_map(|(a, d)| Event::Follow(a, d)),
    ]
}

#[derive(Debug, Default)]
struct Model {
    posts: BTreeSet<i64>,
    deleted: BTreeSet<i64>,
    likes: BTreeMap<(i64, i64), i64>,
    reports: BTreeMap<i64, u32>,
    followers: BTreeMap<i64, u32>,
}

impl Model {
    /// Applies an event to both; what the rows of the owner would refuse is skipped.
    fn apply(&mut self, table: &mut FeatureTable, event: &Event) {
        match *event {
            Event::Create(id) => {
                let known = self.posts.contains(&id) || self.deleted.contains(&id);
                if self.posts.insert(id) {
                    assert_eq!(table.upsert_post(&post(id, author_of(id))), !known);
                }
            }
            Event::Delete(id) => {
                assert_eq!(table.delete_post(id), self.deleted.insert(id));
            }
            Event::Like(viewer, id, at_ms) => {
                if self.posts.contains(&id) && !self.likes.contains_key(&(viewer, id)) {
                    self.likes.insert((viewer, id), at_ms);
                    assert!(table.add_like(&like(viewer, id, at_ms, 1)));
                }
            }
            Event::Unlike(viewer, id) => {
                if let Some(at_ms) = self.likes.remove(&(viewer, id)) {
                    assert!(table.add_like(&like(viewer, id, at_ms, -1)));
                }
            }
            Event::Report(id) => {
                if self.posts.contains(&id) {
                    *self.reports.entry(id).or_default() += 1;
                    assert!(table.add_reports(id, 1));
                }
            }
            Event::Follow(author, change) => {
                let followers = self.followers.entry(author).or_default();
                *followers = followers.saturating_add_signed(change);
                table.add_followers(author, change);
            }
        }
    }

    /// The viewer's likes of an author, decayed to `now_ms`.
    fn affinity(&self, viewer: i64, author: i64, now_ms: i64) -> f64 {
        let likes = self.likes.iter();
        let of_author = likes.filter(|((v, post), _)| *v == viewer && author_of(*post) == author);
        of_author
            .map(|(_, &at)| (-((now_ms - at) as f64) / HALF_LIFE_MS).exp2())
            .sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_model(events in prop::collection::vec(event(), 0..120)) {
        let mut model = Model::default();
        let mut table = table(1000, 1000);
        for event in &events {
            model.apply(&mut table, event);
        }
        let mut live: Vec<i64> = model.posts.difference(&model.deleted).copied().collect();
        live.reverse();
        let authors: Vec<i64> = AUTHORS.collect();
        let now_ms = EPOCH_MS + 6000;
        for viewer in VIEWERS {
            let found = table.candidates(viewer, &[], &authors, i64::MAX, 1000);
            prop_assert_eq!(found.kept.iter().map(|post| post.id).collect::<Vec<_>>(), live.clone());
            for post in &found.kept {
                let author = author_of(post.id);
                let likes = model.likes.keys().filter(|(_, liked)| *liked == post.id).count();
                prop_assert_eq!(post.likes as usize, likes);
                prop_assert_eq!(post.reports, model.reports.get(&post.id).copied().unwrap_or(0));
                prop_assert_eq!(post.followers, model.followers.get(&author).copied().unwrap_or(0));
                prop_assert_eq!(table.author_of(post.id), Some(author));
                match post.affinity {
                    Affinity::Own => prop_assert_eq!(author, viewer),
                    Affinity::Likes { weight, as_of_ms } => {
                        let aged = weight * (-((now_ms - as_of_ms) as f64) / HALF_LIFE_MS).exp2();
                        prop_assert!((aged - model.affinity(viewer, author, now_ms)).abs() < 1e-6);
                    }
                }
            }
        }
        let stats = table.stats();
        prop_assert_eq!(stats.posts, model.posts.union(&model.deleted).count());
        prop_assert_eq!(stats.deleted, model.deleted.len());
    }

    #[test]
    fn the_checksum_is_that_of_the_content(
        ids in prop::collection::btree_set(1..60_i64, 1..30),
        likes in prop::collection::btree_map((VIEWERS, 1..60_i64), 0..5000_i64, 0..40),
    ) {
        let forwards = &mut table(1000, 1000);
        let backwards = &mut table(1000, 1000);
        let likes: Vec<Like> = likes
            .iter()
            .filter(|((_, id), _)| ids.contains(id))
            .map(|(&(viewer, id), &at)| like(viewer, id, EPOCH_MS + at, 1))
            .collect();
        for id in &ids {
            forwards.upsert_post(&post(*id, author_of(*id)));
        }
        for like in &likes {
            forwards.add_like(like);
        }
        backwards.delete_post(1_000);
        for id in ids.iter().rev() {
            backwards.upsert_post(&post(*id, author_of(*id)));
        }
        for like in likes.iter().rev() {
            backwards.add_like(like);
        }
        prop_assert_eq!(forwards.checksum(), backwards.checksum());
        for &Like { viewer_id, post_id, at_ms, .. } in &likes {
            backwards.add_like(&like(viewer_id, post_id, at_ms, -1));
        }
        prop_assert_eq!(forwards.checksum() == backwards.checksum(), likes.is_empty());
    }

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
fn a_late_arrival_does_not_bring_a_deleted_post_back() {
    let mut table = table(10, 10);
    assert!(table.delete_post(5));
    assert!(!table.delete_post(5));
    assert!(!table.upsert_post(&post(5, 2)));
    assert_eq!(table.newest(&[5], &[2], i64::MAX, 10), Vec::<i64>::new());
    assert_eq!(table.missing(&[5, 6]), [6]);
    assert_eq!(table.author_of(5), Some(2), "the author became known");
}

#[test]
fn refilling_replaces_counters() {
    let mut table = table(10, 10);
    assert!(table.upsert_post(&post(5, 2)));
    let counted = PostFeatures {
        likes: 7,
        reports: 2,
        ..post(5, 2)
    };
    assert!(!table.upsert_post(&counted));
    assert_eq!(table.features(5), Some((counted, 0)));
    assert_eq!(table.author_posts(2, 100, 10), [5]);
    assert_eq!(table.author_posts(2, 5, 10), Vec::<i64>::new());
}

#[test]
fn a_like_of_an_unknown_post_moves_the_affinity_of_its_author() {
    let mut table = table(10, 10);
    table.upsert_post(&post(5, 2));
    let old = Like {
        author_id: Some(2),
        ..like(9, 4, EPOCH_MS, 1)
    };
    assert!(!table.add_like(&old));
    assert!(
        !table.add_like(&like(9, 4, EPOCH_MS, 1)),
        "nobody knows the author"
    );
    let found = table.candidates(9, &[5], &[], i64::MAX, 10).kept;
    let weights: Vec<Affinity> = found.iter().map(|post| post.affinity).collect();
    let one = Affinity::Likes {
        weight: 1.0,
        as_of_ms: EPOCH_MS,
    };
    assert_eq!(weights, [one]);
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
