//! Feature look-ups, whole feeds from a warm table, and writes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use feature_table::{
    CounterChanges, EPOCH_MS, FeatureTable, PostFeatures, Ranking, Sources, TableSettings,
    created_ms,
};
use feed_rank::{Counters, RankSettings};

const VIEWER: i64 = 1;
const AUTHORS: u64 = 20_000;
const POSTS: i64 = 400_000;

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

/// A post every 6 s: 400,000 are four weeks.
fn id(at: i64) -> i64 {
    (at * 6_000) << 22 | (at & 4095)
}

fn post(at: i64) -> PostFeatures {
    let seed = at.unsigned_abs();
    PostFeatures {
        id: id(at),
        author_id: i64::from(below(seed ^ 3, AUTHORS)) + 1000,
        original_id: 0,
        counters: Counters {
            likes: below(seed ^ 4, 400),
            reposts: below(seed ^ 5, 40),
            opens: below(seed ^ 8, 2_000),
            impressions: below(seed ^ 6, 20_000),
            report_trust: below(seed ^ 9, 50),
        },
        kind: u8::try_from(mixed(seed ^ 7) % 6).unwrap_or(0),
        spam: u8::try_from(mixed(seed ^ 0xa) % 10).unwrap_or(0),
    }
}

fn filled(posts: i64) -> FeatureTable {
    let settings = TableSettings::new(2_000_000, 1000, 2_592_000_000.0);
    let mut table = FeatureTable::new(settings.unwrap_or_else(|_| std::process::exit(1)));
    for at in 0..posts {
        table.upsert_post(&post(at));
    }
    for author in 0..AUTHORS {
        let author_id = i64::try_from(author).unwrap_or(0) + 1000;
        table.set_followers(author_id, below(author ^ 6, 20_000));
        if author % 100 == 0 {
            table.set_affinity(VIEWER, author_id, f64::from(below(author, 12)), EPOCH_MS);
        }
    }
    table
}

/// Ids of `count` posts among the newest, ascending, as an inbox holds them.
fn inbox(count: i64) -> Vec<i64> {
    (0..count).map(|at| id(POSTS - (count - at) * 40)).collect()
}

fn features(criterion: &mut Criterion) {
    let table = filled(POSTS);
    let stats = table.stats();
    println!(
        "{} posts, {} bytes each, indexes included",
        stats.posts,
        stats.post_bytes / stats.posts
    );
    let mut group = criterion.benchmark_group("features");
    group.measurement_time(Duration::from_secs(3));
    let scattered: Vec<i64> = (0..500)
        .map(|at| id(i64::from(below(at, 400_000))))
        .collect();
    group.throughput(Throughput::Elements(500));
    group.bench_function("500 posts, scattered", |bencher| {
        bencher.iter(|| {
            let found = scattered
                .iter()
                .filter_map(|&id| table.features(black_box(id)));
            found
                .map(|(post, followers)| u64::from(post.counters.likes + followers))
                .sum::<u64>()
        });
    });
    group.finish();
}

fn feeds(criterion: &mut Criterion) {
    let table = filled(POSTS);
    let settings = RankSettings::default();
    let now_ms = created_ms(id(POSTS));
    let mut group = criterion.benchmark_group("feed from the table");
    group.measurement_time(Duration::from_secs(3));
    for candidates in [100_i64, 500, 2_200, 10_000] {
        for authors in [1_i64, 100, 2_000] {
            let inbox = inbox(candidates);
            let authors: Vec<i64> = (0..authors).map(|author| 1000 + author).collect();
            let sources = Sources {
                viewer_id: VIEWER,
                inbox: &inbox,
                authors: &authors,
                floor_id: 0,
                ceiling_id: i64::MAX,
                cap: inbox.len(),
            };
            let ranking = Ranking {
                settings: &settings,
                now_ms,
                shown: &[],
                seen: |_| false,
                limit: usize::MAX,
            };
            let name = BenchmarkId::new(format!("{candidates} candidates"), authors.len());
            group.throughput(Throughput::Elements(inbox.len() as u64));
            group.bench_function(name, |bencher| {
                bencher.iter(|| black_box(&table).rank(&sources, &ranking));
            });
        }
    }
    group.finish();
}

/// One and the same work on tables of any size, each time for other posts: what is more for a large
/// table is waiting for memory.
fn table_sizes(criterion: &mut Criterion) {
    let settings = RankSettings::default();
    let mut group = criterion.benchmark_group("2200 scattered candidates");
    group.measurement_time(Duration::from_secs(3));
    for posts in [2_500_i64, 25_000, 400_000, 1_600_000] {
        let table = filled(posts);
        let inboxes: Vec<Vec<i64>> = (0..64).map(|nth| scattered(nth, posts)).collect();
        let ranking = Ranking {
            settings: &settings,
            now_ms: created_ms(id(posts)),
            shown: &[],
            seen: |_| false,
            limit: usize::MAX,
        };
        let mut round = inboxes.iter().cycle();
        group.bench_function(BenchmarkId::new("posts in the table", posts), |bencher| {
            bencher.iter(|| {
                let inbox = round.next().map_or(&[][..], Vec::as_slice);
                let sources = Sources {
                    viewer_id: VIEWER,
                    inbox,
                    authors: &[],
                    floor_id: 0,
                    ceiling_id: i64::MAX,
                    cap: inbox.len(),
                };
                black_box(&table).rank(&sources, &ranking)
            });
        });
    }
    group.finish();
}

/// The ids of 2,200 different posts from all over the table, ascending.
fn scattered(nth: u64, posts: i64) -> Vec<i64> {
    let mut places = std::collections::BTreeSet::new();
    let mut seed = nth << 32;
    while places.len() < 2_200 {
        seed += 1;
        places.insert(i64::from(below(seed, posts.unsigned_abs())));
    }
    places.into_iter().map(id).collect()
}

fn writes(criterion: &mut Criterion) {
    let mut table = filled(POSTS);
    let mut group = criterion.benchmark_group("writes");
    let mut at = POSTS;
    group.bench_function("upsert a new post", |bencher| {
        bencher.iter(|| {
            at += 1;
            table.upsert_post(&post(at))
        });
    });
    group.bench_function("add a like", |bencher| {
        let changes = CounterChanges {
            likes: 1,
            ..CounterChanges::default()
        };
        let mut seed = 0_u64;
        bencher.iter(|| {
            seed += 1;
            let viewer = i64::from(below(seed, 50_000));
            let author = i64::from(below(seed ^ 3, AUTHORS)) + 1000;
            table.add_interaction(viewer, author, EPOCH_MS, 1.0);
            table.add_counts(id(i64::from(below(seed ^ 9, 400_000))), &changes)
        });
    });
    group.finish();
}

criterion_group!(benches, features, feeds, table_sizes, writes);
criterion_main!(benches);
