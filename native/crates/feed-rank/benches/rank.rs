//! Merge, window, score and diversify: 100 to 10,000 candidates from 1 to 2,000 sources.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use feed_rank::{
    Affinity, Candidate, Counters, DescendingMerge, Eligible, RankSettings, Run, Window, rank,
};

const NOW_MS: i64 = 1_000_000_000;

/// A number that looks random, the same in every run (`SplitMix64`).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn below(seed: u64, bound: u64) -> u32 {
    u32::try_from(mixed(seed) % bound).unwrap_or(0)
}

fn candidate(id: i64, authors: u64) -> Candidate {
    let seed = id.unsigned_abs();
    Candidate {
        id,
        created_ms: NOW_MS - i64::from(below(seed, 200_000_000)),
        affinity: Affinity::Interactions {
            weight: f64::from(below(seed ^ 1, 12)),
            as_of_ms: NOW_MS - i64::from(below(seed ^ 2, 900_000_000)),
        },
        counters: Counters {
            likes: below(seed ^ 4, 400),
            reposts: below(seed ^ 5, 40),
            opens: below(seed ^ 8, 2_000),
            impressions: below(seed ^ 6, 20_000),
            report_trust: below(seed ^ 9, 50),
        },
        author: below(seed ^ 3, authors),
        spam: u8::try_from(mixed(seed ^ 0xa) % 10).unwrap_or(0),
        kind: u8::try_from(mixed(seed ^ 7) % 6).unwrap_or(0),
        seen: mixed(seed ^ 0xb).is_multiple_of(4),
    }
}

fn feeds(criterion: &mut Criterion) {
    let settings = RankSettings::default();
    let mut group = criterion.benchmark_group("feed");
    group.measurement_time(Duration::from_secs(3));
    for count in [100_i32, 500, 2_200, 10_000] {
        let posts: Vec<Candidate> = (0..=i64::from(count))
            .map(|id| candidate(id, 300))
            .collect();
        for sources in [1_usize, 100, 2_000] {
            let runs = runs(i64::from(count), sources);
            let name = BenchmarkId::new(format!("{count} candidates"), sources);
            group.throughput(Throughput::Elements(u64::from(count.unsigned_abs())));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let candidates = candidates(black_box(&runs), &posts);
                    rank(&candidates, &[], &settings, NOW_MS, usize::MAX)
                });
            });
        }
    }
    group.finish();
}

/// The ids 1 to `count`, each in one of the runs.
fn runs(count: i64, sources: usize) -> Vec<Vec<i64>> {
    let mut runs: Vec<Vec<i64>> = vec![Vec::new(); sources];
    for id in 1..=count {
        if let Some(run) = runs.get_mut(below(id.unsigned_abs() ^ 8, sources as u64) as usize) {
            run.push(id);
        }
    }
    runs
}

/// What the runs have, newest first: each post once.
fn candidates(runs: &[Vec<i64>], posts: &[Candidate]) -> Vec<Candidate> {
    let runs = runs.iter().map(|ids| Run { ids, source: 1 });
    let mut window = Window::new(posts.len());
    for merged in DescendingMerge::new(runs, 0, i64::MAX) {
        let post = usize::try_from(merged.id).ok().and_then(|at| posts.get(at));
        if let Some(post) = post {
            window.offer(Eligible {
                id: merged.id,
                original_id: merged.id,
                post,
            });
        }
    }
    let kept = window.into_candidates();
    kept.map(|eligible| *eligible.post).collect()
}

fn stages(criterion: &mut Criterion) {
    let settings = RankSettings::default();
    let mut group = criterion.benchmark_group("rank 2200 candidates");
    for authors in [1, 20, 300, 2200] {
        let posts: Vec<Candidate> = (1..=2200).map(|id| candidate(id, authors)).collect();
        group.bench_function(BenchmarkId::new("authors", authors), |bencher| {
            bencher.iter(|| rank(black_box(&posts), &[], &settings, NOW_MS, usize::MAX));
        });
    }
    group.finish();
}

criterion_group!(benches, feeds, stages);
criterion_main!(benches);
