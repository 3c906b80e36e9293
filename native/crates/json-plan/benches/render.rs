//! A page of 50 posts, twelve fields each and six of the author, from bytes to JSON.

#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark fails")]
#![allow(missing_docs, reason = "criterion's macros document nothing")]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use json_plan::{
    FieldSpec, Integer, LeafSpec, PagePart, Paging, Part, Plan, Real, RootSpec, ValueSpec,
};
use support::{bytes, double, number};

const POSTS: i64 = 50;
const BODY: &str =
    "صباح الخير يا مصر، النهارده الجو جميل في وسط البلد والناس نازلة تتمشى على النيل.";

fn timestamp(seconds: i64) -> Vec<u8> {
    [number(1, seconds), number(2, 125_000_000)].concat()
}

fn item(at: i64) -> Vec<u8> {
    let author = [
        number(1, (1 << 59) + at),
        bytes(2, b"mona_1990"),
        bytes(3, "منى السيد".as_bytes()),
        bytes(5, &timestamp(1_795_000_000)),
    ]
    .concat();
    let post = [
        number(1, (1 << 60) + at * 77_777_777),
        bytes(2, &author),
        bytes(3, BODY.as_bytes()),
        bytes(4, b"ar"),
        number(5, 1),
        bytes(6, &timestamp(1_795_600_000 - at * 60)),
        number(10, at * 37),
        number(20, at % 2),
    ]
    .concat();
    let terms = (1..=6).map(|term| double(term, 0.123_456_789 * f64::from(term)));
    let ranking = terms.collect::<Vec<_>>().concat();
    [bytes(1, &post), number(2, 1), bytes(3, &ranking)].concat()
}

fn field(key: &str, value: ValueSpec) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        value,
    }
}

fn leaf(path: &[u32], leaf: LeafSpec) -> ValueSpec {
    ValueSpec::Leaf {
        path: path.to_vec(),
        leaf,
        presence: false,
        nullable: true,
    }
}

fn object(path: &[u32], fields: Vec<FieldSpec>) -> ValueSpec {
    ValueSpec::Object {
        path: path.to_vec(),
        nullable: false,
        fields,
    }
}

fn plan() -> Plan {
    let text = || LeafSpec::Text {
        empty_is_null: false,
    };
    let kinds = vec![(1, "TEXT".to_owned()), (2, "LINK".to_owned())];
    let author = vec![
        field("id", leaf(&[1], LeafSpec::Id(b'U'))),
        field("handle", leaf(&[2], text())),
        field("displayName", leaf(&[3], text())),
        field("createdAt", leaf(&[5], LeafSpec::Time)),
    ];
    let post = vec![
        field("id", leaf(&[1], LeafSpec::Id(b'P'))),
        field("author", object(&[2], author)),
        field("body", leaf(&[3], text())),
        field("language", leaf(&[4], text())),
        field("kind", leaf(&[5], LeafSpec::Enum(kinds.clone()))),
        field("createdAt", leaf(&[6], LeafSpec::Time)),
        field("likesCount", leaf(&[10], LeafSpec::Int(Integer::I64))),
        field("viewerLikes", leaf(&[20], LeafSpec::Boolean)),
    ];
    let why = vec![
        field("source", leaf(&[2], LeafSpec::Enum(kinds))),
        field("score", leaf(&[3, 6], LeafSpec::Float(Real::F64))),
    ];
    let node = vec![
        field("post", object(&[1], post)),
        field("whyShown", object(&[], why)),
    ];
    let edge = vec![
        field("cursor", ValueSpec::Cursor),
        field("node", object(&[], node)),
    ];
    let place = vec![("endCursor".to_owned(), Part::Of(PagePart::End))];
    Plan::new(&RootSpec::Connection {
        items: 1,
        key: vec![1, 1],
        token: 2,
        fields: vec![
            field("edges", ValueSpec::Edges(edge)),
            field("pageInfo", ValueSpec::PageInfo(place)),
        ],
    })
    .unwrap()
}

fn render(criterion: &mut Criterion) {
    let items = (0..POSTS).map(|at| bytes(1, &item(at)));
    let message = [items.collect::<Vec<_>>().concat(), bytes(2, &[b'A'; 60])].concat();
    let paging = Paging {
        first: 50,
        after: None,
    };
    let plan = plan();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Bytes(u64::try_from(message.len()).unwrap()));
    group.bench_function("50_posts", |bencher| {
        bencher.iter(|| plan.render(&message, &paging).unwrap());
    });
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
