//! The table's facts against a naive model: plain maps that recompute everything.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use feature_table::{
    CounterChanges, EPOCH_MS, FeatureTable, PostFeatures, Ranking, Sources, TableSettings,
};
use feed_rank::{Counters, RankSettings, Ranked, Weights, terms::UNITS};
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
        ..PostFeatures::default()
    }
}

fn likes(likes: i32) -> CounterChanges {
    CounterChanges {
        likes,
        ..CounterChanges::default()
    }
}

fn trust(report_trust: i32) -> CounterChanges {
    CounterChanges {
        report_trust,
        ..CounterChanges::default()
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
                    assert!(table.add_counts(id, &likes(1)));
                    table.add_interaction(viewer, author_of(id), at_ms, 1.0);
                }
            }
            Event::Unlike(viewer, id) => {
                if let Some(at_ms) = self.likes.remove(&(viewer, id)) {
                    assert!(table.add_counts(id, &likes(-1)));
                    table.add_interaction(viewer, author_of(id), at_ms, -1.0);
                }
            }
            Event::Report(id) => {
                if self.posts.contains(&id) {
                    *self.reports.entry(id).or_default() += 100;
                    assert!(table.add_counts(id, &trust(100)));
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

    /// A post's features as the model has them.
    fn features(&self, id: i64) -> Option<(PostFeatures, u32)> {
        let author = author_of(id);
        let likes = self.likes.keys().filter(|(_, liked)| *liked == id).count();
        let counters = Counters {
            likes: u32::try_from(likes).unwrap(),
            report_trust: self.reports.get(&id).copied().unwrap_or(0),
            ..Counters::default()
        };
        let features = PostFeatures {
            counters,
            ..post(id, author)
        };
        let followers = self.followers.get(&author).copied().unwrap_or(0);
        let is_live = self.posts.contains(&id) && !self.deleted.contains(&id);
        is_live.then_some((features, followers))
    }
}

/// Everything the authors have, as one viewer ranks it.
fn ranked(table: &FeatureTable, viewer_id: i64, authors: &[i64], now_ms: i64) -> Vec<Ranked> {
    let sources = Sources {
        viewer_id,
        inbox: &[],
        authors,
        floor_id: 0,
        ceiling_id: i64::MAX,
        cap: 1000,
    };
    let settings = RankSettings::new(Weights::default(), 1.0, HALF_LIFE_MS / 1000.0).unwrap();
    let ranking = Ranking {
        settings: &settings,
        now_ms,
        shown: &[],
        seen: |_| false,
        limit: 1000,
    };
    table.rank(&sources, &ranking).ranked
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
        let live: BTreeSet<i64> = model.posts.difference(&model.deleted).copied().collect();
        for id in 0..31 {
            prop_assert_eq!(table.features(id), model.features(id));
            let author = model.posts.contains(&id).then(|| author_of(id));
            prop_assert_eq!(table.author_of(id), author);
        }
        let authors: Vec<i64> = AUTHORS.collect();
        let newest: Vec<i64> = live.iter().rev().copied().collect();
        prop_assert_eq!(table.newest(&[], &authors, i64::MAX, 1000), newest);
        let now_ms = EPOCH_MS + 6000;
        for viewer in VIEWERS {
            let ranked = ranked(&table, viewer, &authors, now_ms);
            prop_assert_eq!(ranked.iter().map(|post| post.id).collect::<BTreeSet<_>>(), live.clone());
            for post in ranked {
                let author = author_of(post.id);
                let weight = model.affinity(viewer, author, now_ms);
                let expected = if author == viewer { 1.0 } else { weight / (weight + 3.0) };
                let found = f64::from(post.affinity) / f64::from(UNITS);
                prop_assert!((found - expected).abs() < 1e-6);
            }
        }
        let stats = table.stats();
        prop_assert_eq!(stats.posts, model.posts.union(&model.deleted).count());
        prop_assert_eq!(stats.deleted, model.deleted.len());
    }

    #[test]
    fn the_checksum_is_that_of_the_content(
        ids in prop::collection::btree_set(1..60_i64, 1..30),
        liked in prop::collection::btree_map((VIEWERS, 1..60_i64), 0..5000_i64, 0..40),
    ) {
        let forwards = &mut table(1000, 1000);
        let backwards = &mut table(1000, 1000);
        let liked: Vec<(i64, i64, i64)> = liked
            .iter()
            .filter(|((_, id), _)| ids.contains(id))
            .map(|(&(viewer, id), &at)| (viewer, id, EPOCH_MS + at))
            .collect();
        let like = |table: &mut FeatureTable, &(viewer, id, at_ms): &(i64, i64, i64), by: i32| {
            assert!(table.add_counts(id, &likes(by)));
            table.add_interaction(viewer, author_of(id), at_ms, f64::from(by));
        };
        for id in &ids {
            forwards.upsert_post(&post(*id, author_of(*id)));
        }
        for one in &liked {
            like(forwards, one, 1);
        }
        backwards.delete_post(1_000);
        for id in ids.iter().rev() {
            backwards.upsert_post(&post(*id, author_of(*id)));
        }
        for one in liked.iter().rev() {
            like(backwards, one, 1);
        }
        prop_assert_eq!(forwards.checksum(), backwards.checksum());
        for one in &liked {
            like(backwards, one, -1);
        }
        prop_assert_eq!(forwards.checksum() == backwards.checksum(), liked.is_empty());
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
        counters: Counters {
            likes: 7,
            opens: 2,
            ..Counters::default()
        },
        spam: 30,
        ..post(5, 2)
    };
    assert!(!table.upsert_post(&counted));
    assert_eq!(table.features(5), Some((counted, 0)));
    assert_eq!(table.author_posts(2, 100, 10), [5]);
    assert_eq!(table.author_posts(2, 5, 10), Vec::<i64>::new());
}

#[test]
fn the_original_of_a_known_repost_may_be_missing() {
    let mut table = table(10, 10);
    table.upsert_post(&PostFeatures {
        original_id: 3,
        ..post(5, 2)
    });
    assert_eq!(table.missing(&[5, 6, 5]), [3, 6, 3]);
    assert_eq!(table.author_posts(2, 100, 10), Vec::<i64>::new());
    table.delete_post(5);
    assert_eq!(table.missing(&[5]), Vec::<i64>::new());
}
