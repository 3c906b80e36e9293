//! Merge, filter, score and diversify: 100 to 10,000 candidates from 1 to 2,000 sources.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use feed_rank::{Affinity, Candidate, DescendingMerge, RankSettings, newest_eligible, rank};

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
        affinity: Affinity::Likes {
            weight: f64::from(below(seed ^ 1, 12)),
            as_of_ms: NOW_MS - i64::from(below(seed ^ 2, 900_000_000)),
        },
        author: below(seed ^ 3, authors),
        likes: below(seed ^ 4, 400),
        reports: below(seed ^ 5, 3),
        followers: below(seed ^ 6, 20_000),
        kind: u8::try_from(mixed(seed ^ 7) % 6).unwrap_or(0),
    }
}

fn feeds(criterion: &mut Criterion) {
    let settings = RankSettings::default();
    let mut group = criterion.benchmark_group("feed");
    group.measurement_time(Duration::from_secs(3));
    for (count, sources) in [
        (100_i32, 1),
        (500, 50),
        (2200, 1),
        (2200, 200),
        (2200, 2000),
        (10_000, 2000),
    ] {
        let mut runs: Vec<Vec<i64>> = vec![Vec::new(); sources];
        for id in 1..=i64::from(count) {
            if let Some(run) = runs.get_mut(below(id.unsigned_abs() ^ 8, sources as u64) as usize) {
                run.push(id);
            }
        }
        let posts: Vec<Candidate> = (0..=i64::from(count))
            .map(|id| candidate(id, 300))
            .collect();
        group.throughput(Throughput::Elements(u64::from(count.unsigned_abs())));
        group.bench_function(
            BenchmarkId::new(format!("{count} candidates"), sources),
            |bencher| {
                bencher.iter(|| {
                    let merge =
                        DescendingMerge::new(runs.iter().map(Vec::as_slice), black_box(i64::MAX));
                    let lookup = |id| posts.get(usize::try_from(id).ok()?).copied();
                    let eligible = newest_eligible(merge, posts.len(), lookup);
                    rank(&eligible.kept, &settings, NOW_MS, usize::MAX)
                });
            },
        );
    }
    group.finish();
}

fn stages(criterion: &mut Criterion) {
    let settings = RankSettings::default();
    let mut group = criterion.benchmark_group("rank 2200 candidates");
    for authors in [1, 20, 300, 2200] {
        let posts: Vec<Candidate> = (1..=2200).map(|id| candidate(id, authors)).collect();
        group.bench_function(BenchmarkId::new("authors", authors), |bencher| {
            bencher.iter(|| rank(black_box(&posts), &settings, NOW_MS, usize::MAX));
        });
    }
    group.finish();
}

criterion_group!(benches, feeds, stages);
criterion_main!(benches);
