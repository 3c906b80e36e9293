//! What plans show of messages: protobuf's rules of merging, GraphQL's rules of null.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use json_plan::{
    FieldSpec, Integer, LeafSpec, MoneyPart, Part, Plan, PlanError, Real, RenderError, RootSpec,
    TermPart, ValueSpec,
};
use support::{bytes, double, number, tag, varint};

fn field(key: &str, value: ValueSpec) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        value,
    }
}

fn leaf(path: &[u32], leaf: LeafSpec, nullable: bool) -> ValueSpec {
    ValueSpec::Leaf {
        path: path.to_vec(),
        leaf,
        presence: false,
        nullable,
    }
}

fn text(path: &[u32]) -> ValueSpec {
    leaf(
        path,
        LeafSpec::Text {
            empty_is_null: false,
        },
        false,
    )
}

fn int(path: &[u32]) -> ValueSpec {
    leaf(path, LeafSpec::Int(Integer::I64), false)
}

fn object(path: &[u32], nullable: bool, fields: Vec<FieldSpec>) -> ValueSpec {
    ValueSpec::Object {
        path: path.to_vec(),
        nullable,
        fields,
    }
}

fn plan(fields: Vec<FieldSpec>) -> Plan {
    Plan::new(&RootSpec::Object {
        path: Vec::new(),
        fields,
    })
    .unwrap()
}

fn shown(value: ValueSpec, message: &[u8]) -> Result<String, RenderError> {
    let out = plan(vec![field("a", value)]).render(message, &json_plan::Paging::default())?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn absent_scalars_have_their_defaults() {
    assert_eq!(shown(text(&[1]), b"").unwrap(), r#"{"a":""}"#);
    assert_eq!(shown(int(&[1]), b"").unwrap(), r#"{"a":0}"#);
    let boolean = leaf(&[1], LeafSpec::Boolean, false);
    assert_eq!(shown(boolean, b"").unwrap(), r#"{"a":false}"#);
}

#[test]
fn fields_with_presence_are_null_when_absent() {
    let with_presence = |nullable| ValueSpec::Leaf {
        path: vec![1],
        leaf: LeafSpec::Int(Integer::I32),
        presence: true,
        nullable,
    };
    assert_eq!(shown(with_presence(true), b"").unwrap(), r#"{"a":null}"#);
    assert_eq!(shown(with_presence(false), b""), Err(RenderError::Null));
    let zero = number(1, 0);
    assert_eq!(shown(with_presence(false), &zero).unwrap(), r#"{"a":0}"#);
}

#[test]
fn the_last_scalar_wins() {
    let message = [bytes(1, "أول".as_bytes()), bytes(1, "آخر".as_bytes())].concat();
    assert_eq!(shown(text(&[1]), &message).unwrap(), r#"{"a":"آخر"}"#);
}

#[test]
fn messages_merge_field_by_field() {
    let first = bytes(1, &[number(1, 7), number(2, 8)].concat());
    let second = bytes(1, &number(2, 9));
    let fields = vec![field("x", int(&[1])), field("y", int(&[2]))];
    let merged = shown(object(&[1], false, fields), &[first, second].concat()).unwrap();
    assert_eq!(merged, r#"{"a":{"x":7,"y":9}}"#);
}

#[test]
fn repeated_messages_are_concatenated_and_not_merged() {
    let list = ValueSpec::List {
        path: vec![1],
        nullable: false,
        fields: vec![field("x", int(&[1])), field("y", int(&[2]))],
    };
    let message = [
        bytes(1, &number(1, 7)),
        bytes(1, &number(2, 8)),
        bytes(1, b""),
    ]
    .concat();
    let expected = r#"{"a":[{"x":7,"y":0},{"x":0,"y":8},{"x":0,"y":0}]}"#;
    assert_eq!(shown(list, &message).unwrap(), expected);
}

#[test]
fn lists_of_numbers_are_read_packed_or_not_and_leave_strangers_out() {
    let names = vec![(1, "INBOX".to_owned()), (2, "SEEN".to_owned())];
    let message = [
        bytes(1, &[varint(2), varint(9)].concat()),
        number(1, 1),
        number(1, 0),
    ]
    .concat();
    let enums = leaf(&[1], LeafSpec::Enums(names.clone()), false);
    assert_eq!(
        shown(enums.clone(), &message).unwrap(),
        r#"{"a":["SEEN","INBOX"]}"#
    );
    assert_eq!(shown(enums, b"").unwrap(), r#"{"a":[]}"#);
    let one = leaf(&[1], LeafSpec::Enum(names), true);
    assert_eq!(
        shown(one.clone(), &number(1, 2)).unwrap(),
        r#"{"a":"SEEN"}"#
    );
    assert_eq!(shown(one, &number(1, 3)).unwrap(), r#"{"a":null}"#);
}

#[test]
fn other_wire_types_unknown_fields_and_groups_are_passed_over() {
    let group = [tag(9, 3), number(1, 5), tag(8, 3), tag(8, 4), tag(9, 4)].concat();
    let message = [
        number(1, 7),
        bytes(1, b"x"),
        double(2, 1.0),
        group,
        bytes(300, b"y"),
    ]
    .concat();
    assert_eq!(shown(int(&[1]), &message).unwrap(), r#"{"a":7}"#);
}

#[test]
fn absent_messages_are_null_or_have_no_answer() {
    let fields = || vec![field("x", int(&[1]))];
    assert_eq!(
        shown(object(&[1], true, fields()), b"").unwrap(),
        r#"{"a":null}"#
    );
    assert_eq!(
        shown(object(&[1], false, fields()), b""),
        Err(RenderError::Null)
    );
    // A path through an absent message has nothing at its end, not even a default.
    assert_eq!(shown(int(&[1, 1]), b""), Err(RenderError::Null));
    let score = leaf(&[1, 6], LeafSpec::Float(Real::F64), true);
    assert_eq!(shown(score.clone(), b"").unwrap(), r#"{"a":null}"#);
    assert_eq!(shown(score, &bytes(1, b"")).unwrap(), r#"{"a":0.0}"#);
}

#[test]
fn ids_of_zero_are_null() {
    let id = |nullable| leaf(&[1], LeafSpec::Id(b'U'), nullable);
    assert_eq!(shown(id(true), b"").unwrap(), r#"{"a":null}"#);
    assert_eq!(shown(id(false), b""), Err(RenderError::Null));
    assert_eq!(
        shown(id(false), &number(1, 1)).unwrap(),
        r#"{"a":"VQAAAAAAAAAB"}"#
    );
}

#[test]
fn ints_stay_within_32_bits() {
    for (kind, value, expected) in [
        (Integer::I64, 1 << 40, i64::from(i32::MAX)),
        (Integer::I64, -(1 << 40), i64::from(i32::MIN)),
        (Integer::U64, -1, i64::from(i32::MAX)),
        (Integer::U32, -1, i64::from(i32::MAX)),
        (Integer::I32, -3, -3),
    ] {
        let spec = leaf(&[1], LeafSpec::Int(kind), false);
        let expected = format!(r#"{{"a":{expected}}}"#);
        assert_eq!(shown(spec, &number(1, value)).unwrap(), expected);
    }
}

#[test]
fn numbers_that_are_none_have_no_answer() {
    let float = leaf(&[1], LeafSpec::Float(Real::F64), true);
    assert_eq!(shown(float, &double(1, f64::NAN)), Err(RenderError::Range));
    let time = leaf(&[1], LeafSpec::Time, true);
    let late = bytes(1, &number(1, i64::MAX));
    assert_eq!(shown(time, &late), Err(RenderError::Range));
}

#[test]
fn times_money_and_terms_have_their_spellings() {
    let time = leaf(&[1], LeafSpec::Time, false);
    let moment = bytes(
        1,
        &[number(1, 1_795_416_000), number(2, 125_999_999)].concat(),
    );
    assert_eq!(
        shown(time, &moment).unwrap(),
        r#"{"a":"2026-11-23T06:40:00.125Z"}"#
    );
    let parts = [
        ("piastres", Part::Of(MoneyPart::Piastres)),
        ("t", Part::Constant("\"Money\"".to_owned())),
        ("egp", Part::Of(MoneyPart::Pounds)),
        ("formatted", Part::Of(MoneyPart::Formatted)),
    ];
    let money = LeafSpec::Money(parts.map(|(key, part)| (key.to_owned(), part)).into());
    let expected = concat!(
        r#"{"a":{"piastres":"-123450","t":"Money","egp":"-1234.50","#,
        r#""formatted":"EGP -1,234.50"}}"#
    );
    assert_eq!(
        shown(leaf(&[1], money, false), &number(1, -123_450)).unwrap(),
        expected
    );
    let parts = [
        ("value", Part::Of(TermPart::Value)),
        ("contribution", Part::Of(TermPart::Contribution)),
    ];
    let term = LeafSpec::Term {
        weight: 0.35,
        parts: parts.map(|(key, part)| (key.to_owned(), part)).into(),
    };
    let expected = r#"{"a":{"value":0.5,"contribution":0.175}}"#;
    assert_eq!(
        shown(leaf(&[1], term, true), &double(1, 0.5)).unwrap(),
        expected
    );
}

#[test]
fn one_field_may_be_shown_twice_but_not_as_two_kinds() {
    let fields = vec![
        field("a", object(&[1], false, vec![field("x", int(&[1]))])),
        field("b", object(&[1], false, vec![field("y", int(&[1]))])),
    ];
    let out = plan(fields).render(&bytes(1, &number(1, 4)), &json_plan::Paging::default());
    assert_eq!(out.unwrap(), br#"{"a":{"x":4},"b":{"y":4}}"#);
    let contradiction = RootSpec::Object {
        path: vec![],
        fields: vec![field("a", int(&[1])), field("b", text(&[1]))],
    };
    assert_eq!(Plan::new(&contradiction).err(), Some(PlanError::Conflict));
}

#[test]
fn senseless_specifications_are_refused() {
    let refused = |value| {
        let fields = vec![field("a", value)];
        let spec = RootSpec::Object {
            path: vec![],
            fields,
        };
        Plan::new(&spec).err()
    };
    assert_eq!(refused(ValueSpec::Cursor), Some(PlanError::Misplaced));
    assert_eq!(
        refused(ValueSpec::Edges(vec![])),
        Some(PlanError::Misplaced)
    );
    assert_eq!(refused(int(&[])), Some(PlanError::Path));
    assert_eq!(refused(int(&[0])), Some(PlanError::Path));
    assert_eq!(refused(int(&[1; 12])), Some(PlanError::Path));
    assert_eq!(
        refused(ValueSpec::Constant(String::new())),
        Some(PlanError::Text)
    );
    let mut deep = int(&[1]);
    for _ in 0..40 {
        deep = object(&[1], false, vec![field("a", deep)]);
    }
    assert_eq!(refused(deep), Some(PlanError::TooDeep));
    let many = (0..5000).map(|_| field("a", int(&[1]))).collect();
    assert_eq!(refused(object(&[1], true, many)), Some(PlanError::TooLarge));
    let quoted = RootSpec::Object {
        path: vec![],
        fields: vec![field("\"", int(&[1]))],
    };
    assert_eq!(Plan::new(&quoted).err(), Some(PlanError::Text));
}
