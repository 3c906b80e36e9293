//! Pages: where they start and end, and the cursors of their items.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use json_plan::{
    After, FieldSpec, Integer, LeafSpec, PagePart, Paging, Part, Plan, PlanError, RenderError,
    RootSpec, ValueSpec, encode_cursor,
};
use support::{bytes, number};

const IDS: [i64; 5] = [50, 40, 30, 20, 10];

/// A page shows its cursors, its ids and its place.
fn plan() -> Plan {
    let field = |key: &str, value| FieldSpec {
        key: key.to_owned(),
        value,
    };
    let id = ValueSpec::Leaf {
        path: vec![1, 2],
        leaf: LeafSpec::Int(Integer::I64),
        presence: false,
        nullable: false,
    };
    let node = ValueSpec::Object {
        path: vec![],
        nullable: false,
        fields: vec![field("id", id)],
    };
    let place = [
        ("n", Part::Of(PagePart::HasNext)),
        ("p", Part::Of(PagePart::HasPrevious)),
        ("s", Part::Of(PagePart::Start)),
        ("e", Part::Of(PagePart::End)),
    ];
    let fields = vec![
        field(
            "edges",
            ValueSpec::Edges(vec![
                field("cursor", ValueSpec::Cursor),
                field("node", node),
            ]),
        ),
        field(
            "pageInfo",
            ValueSpec::PageInfo(place.map(|(key, part)| (key.to_owned(), part)).into()),
        ),
    ];
    Plan::new(&RootSpec::Connection {
        items: 1,
        key: vec![1, 2],
        token: 2,
        fields,
    })
    .unwrap()
}

fn page(ids: &[i64], token: &str) -> Vec<u8> {
    let items = ids.iter().map(|id| bytes(1, &bytes(1, &number(2, *id))));
    let mut message = items.collect::<Vec<_>>().concat();
    if !token.is_empty() {
        message.extend(bytes(2, token.as_bytes()));
    }
    message
}

fn cursor(token: &str, skip: u8, key: i64) -> String {
    let mut out = Vec::new();
    encode_cursor(&mut out, token.as_bytes(), skip, key);
    String::from_utf8(out).unwrap()
}

fn after(token: &str, skip: u8, key: i64) -> After {
    After {
        token: token.to_owned(),
        skip,
        key,
    }
}

fn shown(
    message: &[u8],
    first: usize,
    after: impl Into<Option<After>>,
) -> Result<String, RenderError> {
    let out = plan().render(
        message,
        &Paging {
            first,
            after: after.into(),
        },
    )?;
    Ok(String::from_utf8(out).unwrap())
}

fn expected(edges: &[(String, i64)], next: bool, previous: bool, end: Option<&str>) -> String {
    let quoted = |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("\"{text}\""));
    let list: Vec<String> = edges
        .iter()
        .map(|(cursor, id)| format!(r#"{{"cursor":"{cursor}","node":{{"id":{id}}}}}"#))
        .collect();
    let start = quoted(edges.first().map(|(cursor, _)| cursor.as_str()));
    let close = quoted(edges.last().map(|(cursor, _)| cursor.as_str()).or(end));
    format!(
        r#"{{"edges":[{}],"pageInfo":{{"n":{next},"p":{previous},"s":{start},"e":{close}}}}}"#,
        list.join(",")
    )
}

#[test]
fn the_last_item_carries_the_next_token() {
    let edges = [(cursor("", 1, 50), 50), (cursor("t2", 0, 0), 40)];
    let out = shown(&page(&IDS[..2], "t2"), 20, None).unwrap();
    assert_eq!(out, expected(&edges, true, false, None));
}

#[test]
fn a_shorter_page_ends_in_its_middle() {
    let edges = [(cursor("t1", 1, 50), 50), (cursor("t1", 2, 40), 40)];
    let out = shown(&page(&IDS, ""), 2, after("t1", 0, 0)).unwrap();
    assert_eq!(out, expected(&edges, true, true, None));
}

#[test]
fn a_page_goes_on_behind_the_item_of_its_cursor() {
    // Two newer items have moved the one with id 30 from the first place to the third.
    let edges = [(cursor("t1", 4, 20), 20), (cursor("t1", 5, 10), 10)];
    let out = shown(&page(&IDS, ""), 9, after("t1", 1, 30)).unwrap();
    assert_eq!(out, expected(&edges, false, true, None));
}

#[test]
fn a_page_goes_on_in_its_place_when_the_item_is_gone() {
    let edges = [(cursor("t1", 5, 10), 10)];
    let out = shown(&page(&IDS, ""), 9, after("t1", 4, 25)).unwrap();
    assert_eq!(out, expected(&edges, false, true, None));
    let out = shown(&page(&IDS, "t2"), 9, after("t1", 99, 25)).unwrap();
    assert_eq!(out, expected(&[], true, true, Some(&cursor("t2", 0, 0))));
}

#[test]
fn an_empty_page_has_no_cursors() {
    assert_eq!(
        shown(b"", 20, None).unwrap(),
        expected(&[], false, false, None)
    );
}

#[test]
fn items_without_an_id_have_no_cursor() {
    let message = bytes(1, b"");
    assert_eq!(shown(&message, 20, None), Err(RenderError::Null));
}

#[test]
fn items_need_a_way_to_their_id() {
    for key in [vec![], vec![0], vec![1; 12]] {
        let spec = RootSpec::Connection {
            items: 1,
            key,
            token: 2,
            fields: vec![],
        };
        assert_eq!(Plan::new(&spec).err(), Some(PlanError::Path));
    }
}

#[test]
fn places_past_a_byte_have_no_cursor() {
    let many: Vec<i64> = (1..=300).collect();
    assert_eq!(shown(&page(&many, ""), 300, None), Err(RenderError::Range));
}
