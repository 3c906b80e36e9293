//! The fast ranking equals a naive greedy one, written here in the plainest way.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use feed_rank::{
    Affinity, Candidate, Chosen, Counters, DescendingMerge, RankSettings, Run, Weights, rank, terms,
};
use proptest::prelude::*;

const NOW_MS: i64 = 1_000_000_000;

/// The score of `post` given the posts chosen so far, straight from the definition.
fn score(post: &Candidate, chosen: &[Chosen], settings: &RankSettings) -> i64 {
    let by_author = chosen.iter().filter(|c| c.author == post.author).count();
    let by_kind = chosen.iter().filter(|c| c.kind == post.kind).count();
    let diversity = terms::author_diversity(u32::try_from(by_author).unwrap())
        + terms::kind_diversity(u32::try_from(by_kind).unwrap());
    let weights = settings.weights();
    let affinity = terms::affinity(post.affinity, NOW_MS, settings.affinity_half_life_ms());
    let fresh = terms::freshness(post.created_ms, NOW_MS, settings.freshness_half_life_ms());
    let quality = terms::quality(&post.counters);
    let negative = terms::negative(&post.counters, post.spam);
    let weigh = |weight: u8, term: u32| i64::from(weight) * i64::from(term);
    weigh(weights.affinity, affinity)
        + weigh(weights.quality, quality)
        + weigh(weights.freshness, fresh)
        + weigh(weights.diversity, diversity)
        - weigh(weights.negative, negative)
}

fn naive(candidates: &[Candidate], shown: &[Chosen], settings: &RankSettings) -> Vec<(i64, i64)> {
    let mut chosen = shown.to_vec();
    let mut order = Vec::new();
    for seen in [false, true] {
        let tier = candidates.iter().filter(|post| post.seen == seen);
        let mut waiting: Vec<Candidate> = tier.copied().collect();
        while !waiting.is_empty() {
            let banned = match chosen.as_slice() {
                [.., a, b] if a.author == b.author => Some(a.author),
                _ => None,
            };
            let others = waiting.iter().any(|c| Some(c.author) != banned);
            let (score, id) = waiting
                .iter()
                .filter(|c| !others || Some(c.author) != banned)
                .map(|c| (score(c, &chosen, settings), c.id))
                .max()
                .unwrap();
            let at = waiting.iter().position(|c| c.id == id).unwrap();
            let Candidate { author, kind, .. } = waiting.remove(at);
            chosen.push(Chosen { author, kind });
            order.push((id, score));
        }
    }
    order
}

prop_compose! {
    fn candidate()(
        id in 1..200_i64,
        age_ms in -1000..400_000_000_i64,
        own in prop::bool::weighted(0.1),
        weight in prop_oneof![Just(0.0), 0.0..50.0_f64],
        author in 0..6_u32,
        likes in prop_oneof![Just(0), 0..2000_u32],
        reposts in prop_oneof![Just(0), 0..50_u32],
        opens in prop_oneof![Just(0), 0..5000_u32],
        impressions in prop_oneof![Just(10), 0..20_000_u32],
        report_trust in prop_oneof![4 => Just(0), 1 => 0..4000_u32],
        spam in prop_oneof![4 => Just(0), 1 => 0..=100_u8],
        kind in 0..5_u8,
        seen in prop::bool::weighted(0.2),
    ) -> Candidate {
        let affinity = Affinity::Interactions { weight, as_of_ms: NOW_MS - age_ms };
        Candidate {
            id,
            created_ms: NOW_MS - age_ms,
            affinity: if own { Affinity::Own } else { affinity },
            counters: Counters { likes, reposts, opens, impressions, report_trust },
            author, spam, kind, seen,
        }
    }
}

/// Posts that differ in little but author and kind, so that ties and diversity decide.
fn alike() -> impl Strategy<Value = Candidate> {
    let seen = prop::bool::weighted(0.2);
    (1..200_i64, 0..3_u32, 0..3_u8, 0..2_u32, seen).prop_map(|(id, author, kind, likes, seen)| {
        let counters = Counters {
            likes,
            impressions: 100,
            ..Counters::default()
        };
        Candidate {
            id,
            created_ms: NOW_MS,
            affinity: Affinity::NONE,
            counters,
            author,
            spam: 0,
            kind,
            seen,
        }
    })
}

fn shown() -> impl Strategy<Value = Vec<Chosen>> {
    let chosen = (0..8_u32, 0..6_u8).prop_map(|(author, kind)| Chosen { author, kind });
    prop::collection::vec(chosen, 0..8)
}

fn unique(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by_key(|c| c.id);
    candidates.dedup_by_key(|c| c.id);
    candidates
}

fn weights() -> impl Strategy<Value = Weights> {
    (0..=100_u8, 0..=100_u8, 0..=100_u8, 0..=100_u8, 0..=100_u8).prop_map(
        |(affinity, quality, freshness, diversity, negative)| Weights {
            affinity,
            quality,
            freshness,
            diversity,
            negative,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_naive_greedy(
        candidates in prop_oneof![
            prop::collection::vec(candidate(), 0..60),
            prop::collection::vec(alike(), 0..60),
        ].prop_map(unique),
        shown in shown(),
        weights in prop_oneof![Just(Weights::default()), weights()],
        limit in 0..70_usize,
    ) {
        let settings = RankSettings::new(weights, 43_200.0, 2_592_000.0).unwrap();
        let fast: Vec<_> = rank(&candidates, &shown, &settings, NOW_MS, limit)
            .iter()
            .map(|post| (post.id, post.score))
            .collect();
        let mut expected = naive(&candidates, &shown, &settings);
        expected.truncate(limit);
        prop_assert_eq!(fast, expected);
    }

    #[test]
    fn a_scroll_by_pages_is_one_long_page(
        candidates in prop::collection::vec(alike(), 0..60).prop_map(unique),
        sizes in prop::collection::vec(1..9_usize, 1..9),
    ) {
        let settings = RankSettings::default();
        let whole = rank(&candidates, &[], &settings, NOW_MS, usize::MAX);
        let mut shown = Vec::new();
        let mut left = candidates.clone();
        let mut pages = Vec::new();
        for size in sizes.into_iter().cycle() {
            let page = rank(&left, &shown, &settings, NOW_MS, size);
            if page.is_empty() {
                break;
            }
            for post in &page {
                let at = left.iter().position(|candidate| candidate.id == post.id).unwrap();
                let Candidate { author, kind, .. } = left.remove(at);
                shown.push(Chosen { author, kind });
            }
            pages.extend(page.iter().map(|post| (post.id, post.score)));
        }
        prop_assert_eq!(pages, whole.iter().map(|post| (post.id, post.score)).collect::<Vec<_>>());
    }

    #[test]
    fn places_are_those_of_the_candidates(
        candidates in prop::collection::vec(candidate(), 0..40).prop_map(unique),
    ) {
        for post in rank(&candidates, &[], &RankSettings::default(), NOW_MS, usize::MAX) {
            prop_assert_eq!(candidates[post.place as usize].id, post.id);
        }
    }

    #[test]
    fn does_not_depend_on_the_order_of_candidates(
        candidates in prop::collection::vec(candidate(), 0..40).prop_map(unique),
    ) {
        let settings = RankSettings::default();
        let mut reversed = candidates.clone();
        reversed.reverse();
        let order = |candidates| {
            let ranked = rank(candidates, &[], &settings, NOW_MS, usize::MAX);
            ranked.iter().map(|post| (post.id, post.score)).collect::<Vec<_>>()
        };
        prop_assert_eq!(order(&candidates), order(&reversed));
    }

    #[test]
    fn merge_equals_a_sorted_set(
        runs in prop::collection::vec(prop::collection::vec(-20..200_i64, 0..40), 0..8),
        floor in -30..220_i64,
        ceiling in -30..220_i64,
    ) {
        let sorted: Vec<Vec<i64>> = runs
            .into_iter()
            .map(|mut run| { run.sort_unstable(); run })
            .collect();
        let mut union = std::collections::BTreeMap::<i64, u8>::new();
        for (source, run) in sorted.iter().enumerate() {
            for &id in run.iter().filter(|id| (floor..=ceiling).contains(*id)) {
                *union.entry(id).or_default() |= 1 << source;
            }
        }
        let runs = sorted.iter().enumerate().map(|(source, ids)| Run { ids, source: 1 << source });
        let merged: Vec<(i64, u8)> = DescendingMerge::new(runs, floor, ceiling)
            .map(|merged| (merged.id, merged.sources))
            .collect();
        prop_assert_eq!(merged, union.into_iter().rev().collect::<Vec<_>>());
    }
}
