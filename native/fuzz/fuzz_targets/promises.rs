//! What holds of every feed, checked from outside.

use std::collections::BTreeSet;

use feature_table::{FeatureTable, Feed, PostFeatures};
use feed_rank::{Weights, terms::UNITS};

use crate::request::Request;

/// Checks a page, the whole feed, the feed in order of time, and a scroll by pages.
pub fn check(table: &FeatureTable, request: &Request) {
    let page = request.rank(table, &request.shown(), request.limit());
    check_page(table, request, &page);
    let whole = request.rank(table, &[], usize::MAX);
    check_order(table, request, &whole);
    check_accounts(table, request, &whole);
    let latest = request.latest(table);
    let mut newest_first: Vec<_> = whole.items.clone();
    newest_first.sort_by_key(|item| std::cmp::Reverse(item.id));
    // The newest id of all is not below any.
    newest_first.retain(|item| item.id < i64::MAX);
    assert_eq!(latest.items, newest_first);
    assert_eq!(latest.window_floor, whole.window_floor);
    let mut scrolled = Vec::new();
    loop {
        let page = request.rank(table, &scrolled, request.limit());
        if page.items.is_empty() {
            break;
        }
        scrolled.extend(page.items.iter().map(|item| item.id));
    }
    assert_eq!(
        scrolled,
        whole.items.iter().map(|item| item.id).collect::<Vec<_>>()
    );
}

/// Nothing twice, nothing hidden, nothing outside the borders.
fn check_page(table: &FeatureTable, request: &Request, feed: &Feed) {
    assert_eq!(feed.items.len(), feed.candidates.min(request.limit()));
    assert_eq!(feed.seen_from + feed.dropped.seen, feed.candidates);
    let originals: BTreeSet<i64> = feed.items.iter().map(|item| item.original_id).collect();
    assert_eq!(originals.len(), feed.items.len(), "each post once");
    let shown = request.shown();
    let hidden = table.hidden_authors(request.viewer_id());
    let reported = table.reported_posts(request.viewer_id());
    for item in &feed.items {
        assert!((feed.window_floor..=request.ceiling_id()).contains(&item.id));
        assert!(item.id >= request.floor_id() && item.id <= feed.newest_id);
        assert!(!shown.contains(&item.id) && !shown.contains(&item.original_id));
        for id in [item.id, item.original_id] {
            assert!(!reported.contains(&id));
            assert!(!hidden.contains(&post(table, id).author_id));
        }
        let from_inbox = request.inbox().contains(&item.id);
        assert_eq!(item.sources & 1 == 1, from_inbox);
        let author = post(table, item.id).author_id;
        assert_eq!(item.sources & 4 == 4, author == request.viewer_id());
        assert!(item.sources & 3 != 0);
    }
}

fn post(table: &FeatureTable, id: i64) -> PostFeatures {
    table.features(id).expect("what is in a feed is live").0
}

/// Scores are sums of terms; the seen come last; no third in a row while another's waits.
fn check_order(table: &FeatureTable, request: &Request, feed: &Feed) {
    let weights = Weights::default();
    let weigh = |weight: u8, term: u32| i64::from(weight) * i64::from(term);
    for (item, ranked) in feed.items.iter().zip(&feed.ranked) {
        assert_eq!(item.id, ranked.id);
        let terms = [
            ranked.affinity,
            ranked.quality,
            ranked.freshness,
            ranked.diversity,
            ranked.negative,
        ];
        assert!(terms.iter().all(|&term| term <= UNITS));
        let score = weigh(weights.affinity, ranked.affinity)
            + weigh(weights.quality, ranked.quality)
            + weigh(weights.freshness, ranked.freshness)
            + weigh(weights.diversity, ranked.diversity)
            - weigh(weights.negative, ranked.negative);
        assert_eq!(ranked.score, score);
    }
    let author = |at: usize| post(table, feed.items[at].id).author_id;
    for (at, item) in feed.items.iter().enumerate() {
        let is_own = [item.id, item.original_id]
            .iter()
            .any(|&id| post(table, id).author_id == request.viewer_id());
        let is_seen = !is_own && request.was_seen(item.original_id);
        assert_eq!(is_seen, at >= feed.seen_from);
        if at >= 2 && author(at) == author(at - 1) && author(at) == author(at - 2) {
            let tier_end = if at < feed.seen_from {
                feed.seen_from
            } else {
                feed.items.len()
            };
            assert!(
                (at..tier_end).all(|later| author(later) == author(at)),
                "another waits"
            );
        }
    }
}

/// Every id of the sources is in the feed or dropped for one reason.
fn check_accounts(table: &FeatureTable, request: &Request, feed: &Feed) {
    let dropped = &feed.dropped;
    let read = feed.candidates
        + dropped.unknown
        + dropped.deleted
        + dropped.hidden
        + dropped.reported
        + dropped.private
        + dropped.duplicate
        + dropped.shown;
    let mut ids: Vec<i64> = request.inbox();
    for author in request.authors() {
        // The table lists posts without reposts: only how many there are at least is known here.
        ids.extend(table.author_posts(author, i64::MAX, usize::MAX));
    }
    ids.retain(|&id| id >= request.floor_id() && id <= request.ceiling_id());
    let distinct: BTreeSet<i64> = ids.iter().copied().collect();
    assert!(read + dropped.capped >= distinct.len());
    assert!(feed.candidates <= request.cap());
    if dropped.capped == 0 {
        assert_eq!(feed.window_floor, request.floor_id());
    } else {
        assert_eq!(feed.candidates, request.cap());
    }
}
