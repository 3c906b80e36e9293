//! Bytes that are no message: an error or an answer, never a panic, and JSON whenever there is an answer.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use json_plan::{
    After, FieldSpec, Integer, LeafSpec, MoneyPart, PagePart, Paging, Part, Plan, Real,
    RenderError, RootSpec, TermPart, ValueSpec,
};
use proptest::prelude::*;
use support::{bytes, double, number, tag, varint};

/// A plan that reads everything there is, at numbers that the messages below use.
fn plan() -> Plan {
    let money = vec![("m".to_owned(), Part::Of(MoneyPart::Formatted))];
    let parts = vec![("c".to_owned(), Part::Of(TermPart::Contribution))];
    let names = vec![(1, "ONE".to_owned()), (2, "TWO".to_owned())];
    let leaves = [
        ([1], LeafSpec::Int(Integer::I64)),
        (
            [2],
            LeafSpec::Text {
                empty_is_null: true,
            },
        ),
        ([3], LeafSpec::Float(Real::F64)),
        ([4], LeafSpec::Time),
        ([5], LeafSpec::Enum(names.clone())),
        ([6], LeafSpec::Enums(names)),
        ([7], LeafSpec::Money(money)),
        (
            [8],
            LeafSpec::Term {
                weight: -0.4,
                parts,
            },
        ),
        ([9], LeafSpec::Float(Real::F32)),
    ];
    let shown: Vec<FieldSpec> = leaves
        .into_iter()
        .map(|(path, leaf)| FieldSpec {
            key: format!("k{}", path[0]),
            value: ValueSpec::Leaf {
                path: path.to_vec(),
                leaf,
                presence: false,
                nullable: true,
            },
        })
        .collect();
    let field = |key: &str, value| FieldSpec {
        key: key.to_owned(),
        value,
    };
    let object = |path: &[u32], fields| ValueSpec::Object {
        path: path.to_vec(),
        nullable: true,
        fields,
    };
    let nested = ValueSpec::List {
        path: vec![11],
        nullable: true,
        fields: shown.clone(),
    };
    let item = vec![
        field("self", object(&[], shown.clone())),
        field("one", object(&[10], shown)),
        field("many", nested),
        field("cursor", ValueSpec::Cursor),
    ];
    let place = vec![("e".to_owned(), Part::Of(PagePart::End))];
    Plan::new(&RootSpec::Connection {
        items: 1,
        key: vec![1],
        token: 2,
        fields: vec![
            field("edges", ValueSpec::Edges(item)),
            field("page", ValueSpec::PageInfo(place)),
        ],
    })
    .unwrap()
}

/// Whether brackets and quotes of the text match: enough to see that nothing broke off.
fn is_whole(json: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_i64, false, false);
    for byte in std::str::from_utf8(json).unwrap().bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            0..=0x1f => return false,
            _ => {}
        }
    }
    depth == 0 && !quoted
}

fn check(message: &[u8]) -> Result<(), TestCaseError> {
    let paging = Paging {
        first: 100,
        after: Some(After {
            token: "t".to_owned(),
            skip: 1,
            key: 7,
        }),
    };
    if let Ok(json) = plan().render(message, &paging) {
        prop_assert!(is_whole(&json));
    }
    Ok(())
}

/// A field of the messages that the plan reads, of any wire type.
fn any_field() -> impl Strategy<Value = Vec<u8>> {
    let leaf = (1_u32..13, any::<i64>(), any::<f64>(), ".{0,9}", 0..5).prop_map(
        |(field, int, float, text, kind)| match kind {
            0 => number(field, int),
            1 => double(field, float),
            2 => bytes(field, text.as_bytes()),
            3 => bytes(field, &varint(int.cast_unsigned())),
            _ => [tag(field, 5), int.to_le_bytes()[..4].to_vec()].concat(),
        },
    );
    leaf.prop_recursive(4, 64, 8, |inner| {
        (1_u32..13, prop::collection::vec(inner, 0..8))
            .prop_map(|(field, fields)| bytes(field, &fields.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn noise_never_panics(message in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&message)?;
    }

    #[test]
    fn messages_give_json(fields in prop::collection::vec(any_field(), 0..12)) {
        check(&fields.concat())?;
    }

    #[test]
    fn damaged_messages_never_panic(
        fields in prop::collection::vec(any_field(), 1..12),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut message = fields.concat();
        for (at, byte) in hits {
            let at = at.index(message.len());
            message[at] = byte;
        }
        check(&message)?;
        message.truncate(cut.index(message.len()));
        check(&message)?;
    }

    /// A message cut anywhere between its fields and sent as two is the same message.
    #[test]
    fn halves_of_a_message_merge(
        fields in prop::collection::vec(any_field(), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (head, tail) = fields.split_at(cut.index(fields.len() + 1));
        let whole = bytes(1, &bytes(10, &fields.concat()));
        let halves = bytes(1, &[bytes(10, &head.concat()), bytes(10, &tail.concat())].concat());
        let paging = Paging { first: 9, after: None };
        prop_assert_eq!(plan().render(&whole, &paging), plan().render(&halves, &paging));
    }
}

#[test]
fn every_kind_of_damage_is_an_error() {
    let overlong = [tag(1, 0), vec![0xff; 10]].concat();
    let too_large = [tag(1, 0), vec![0xff; 9], vec![2]].concat();
    for message in [
        vec![0x08],                         // a varint without an end
        overlong,                           // one of more than ten bytes
        too_large,                          // one of more than 64 bits
        vec![0x00, 0x00],                   // field number 0
        vec![0x0e, 0x00],                   // wire type 6
        vec![0x0c],                         // the end of a group that never began
        vec![0x0a, 0x05, 0x00],             // a length past the end
        vec![0x09, 0x00],                   // eight bytes that are not there
        [tag(9, 3), tag(8, 4)].concat(),    // a group closed by another
        tag(9, 3),                          // a group without an end
        tag(9, 3).repeat(50),               // groups without a bottom
        vec![0xff, 0xff, 0xff, 0xff, 0x7f], // a tag of more than 32 bits
        bytes(2, &[0xc3]),                  // a token that is no UTF-8
    ] {
        let found = plan().render(&message, &Paging::default());
        assert_eq!(found, Err(RenderError::Malformed), "{message:x?}");
    }
}
