//! The fast ranking equals a naive greedy one, written here in the plainest way.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use feed_rank::{Affinity, Candidate, DescendingMerge, RankSettings, Weights, rank, terms};
use proptest::prelude::*;

const NOW_MS: i64 = 1_000_000_000;

/// The score of `post` given the posts chosen so far, straight from the definition.
fn score(post: &Candidate, chosen: &[Candidate], settings: &RankSettings) -> i64 {
    let by_author = chosen.iter().filter(|c| c.author == post.author).count();
    let by_kind = chosen.iter().filter(|c| c.kind == post.kind).count();
    let diversity = terms::author_diversity(u32::try_from(by_author).unwrap())
        + terms::kind_diversity(u32::try_from(by_kind).unwrap());
    let weights = settings.weights();
    let affinity = terms::affinity(post.affinity, NOW_MS, settings.affinity_half_life_ms());
    let fresh = terms::freshness(post.created_ms, NOW_MS, settings.freshness_half_life_ms());
    let quality = terms::quality(post.likes, post.followers);
    let negative = terms::negative(post.reports, post.followers);
    let weigh = |weight: u8, term: u32| i64::from(weight) * i64::from(term);
    weigh(weights.affinity, affinity)
        + weigh(weights.quality, quality)
        + weigh(weights.freshness, fresh)
        + weigh(weights.diversity, diversity)
        - weigh(weights.negative, negative)
}

fn naive(candidates: &[Candidate], settings: &RankSettings) -> Vec<(i64, i64)> {
    let mut waiting = candidates.to_vec();
    let mut chosen: Vec<Candidate> = Vec::new();
    let mut order = Vec::new();
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
        chosen.push(waiting.remove(at));
        order.push((id, score));
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
        reports in prop_oneof![4 => Just(0), 1 => 0..40_u32],
        followers in prop_oneof![Just(10), 0..20_000_u32],
        kind in 0..5_u8,
    ) -> Candidate {
        let likes_of_author = Affinity::Likes { weight, as_of_ms: NOW_MS - age_ms };
        Candidate {
            id,
            created_ms: NOW_MS - age_ms,
            affinity: if own { Affinity::Own } else { likes_of_author },
            author, likes, reports, followers, kind,
        }
    }
}

/// Posts that differ in little but author and kind, so that ties and diversity decide.
fn alike() -> impl Strategy<Value = Candidate> {
    (1..200_i64, 0..3_u32, 0..3_u8, 0..2_u32).prop_map(|(id, author, kind, likes)| Candidate {
        id,
        created_ms: NOW_MS,
        affinity: Affinity::NONE,
        author,
        likes,
        reports: 0,
        followers: 100,
        kind,
    })
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
        weights in prop_oneof![Just(Weights::default()), weights()],
        limit in 0..70_usize,
    ) {
        let settings = RankSettings::new(weights, 43_200.0, 2_592_000.0).unwrap();
        let fast: Vec<_> = rank(&candidates, &settings, NOW_MS, limit)
            .iter()
            .map(|post| (post.id, post.score))
            .collect();
        let mut expected = naive(&candidates, &settings);
        expected.truncate(limit);
        prop_assert_eq!(fast, expected);
    }

    #[test]
    fn does_not_depend_on_the_order_of_candidates(
        candidates in prop::collection::vec(candidate(), 0..40).prop_map(unique),
    ) {
        let settings = RankSettings::default();
        let mut reversed = candidates.clone();
        reversed.reverse();
        prop_assert_eq!(
            rank(&candidates, &settings, NOW_MS, usize::MAX),
            rank(&reversed, &settings, NOW_MS, usize::MAX)
        );
    }

    #[test]
    fn merge_equals_a_sorted_set(
        runs in prop::collection::vec(prop::collection::vec(-20..200_i64, 0..40), 0..12),
        ceiling in -30..220_i64,
    ) {
        let sorted: Vec<Vec<i64>> = runs
            .into_iter()
            .map(|mut run| { run.sort_unstable(); run })
            .collect();
        let union: std::collections::BTreeSet<i64> =
            sorted.iter().flatten().copied().filter(|&id| id <= ceiling).collect();
        let merged: Vec<i64> =
            DescendingMerge::new(sorted.iter().map(Vec::as_slice), ceiling).collect();
        prop_assert_eq!(merged, union.into_iter().rev().collect::<Vec<_>>());
    }
}
