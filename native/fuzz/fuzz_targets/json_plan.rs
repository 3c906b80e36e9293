//! Any plan over any bytes: an error or JSON, never a panic.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use json_plan::{
    After, FieldSpec, Integer, LeafSpec, MoneyPart, PagePart, Paging, Part, Parts, Plan, Real,
    RootSpec, TermPart, ValueSpec,
};
use libfuzzer_sys::fuzz_target;

const DEPTH_MAX: usize = 4;

#[derive(Debug)]
struct Input {
    spec: RootSpec,
    paging: Paging,
    message: Vec<u8>,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let spec = if input.arbitrary()? {
            RootSpec::Object {
                path: path(input)?,
                fields: fields(input, DEPTH_MAX)?,
            }
        } else {
            RootSpec::Connection {
                items: number(input)?,
                key: path(input)?,
                token: number(input)?,
                fields: fields(input, DEPTH_MAX)?,
            }
        };
        let after = After {
            token: input.arbitrary()?,
            skip: input.arbitrary()?,
            key: input.int_in_range(-1..=3)?,
        };
        let paging = Paging {
            first: input.int_in_range(0..=9)?,
            after: input.arbitrary::<bool>()?.then_some(after),
        };
        let message = input.bytes(input.len())?.to_vec();
        Ok(Self {
            spec,
            paging,
            message,
        })
    }
}

/// Few numbers, so that plan and message meet; rarely one that no field has.
fn number(input: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match input.int_in_range(0..=40)? {
        39 => 0,
        40 => input.arbitrary()?,
        few => 1 + few % 5,
    })
}

fn path(input: &mut Unstructured<'_>) -> Result<Vec<u32>> {
    let length = input.int_in_range(0..=3)?;
    (0..length).map(|_| number(input)).collect()
}

fn fields(input: &mut Unstructured<'_>, depth: usize) -> Result<Vec<FieldSpec>> {
    let length = input.int_in_range(0..=4)?;
    let field = |at| {
        Ok(FieldSpec {
            key: format!("k{at}"),
            value: value(input, depth)?,
        })
    };
    (0..length).map(field).collect()
}

fn value(input: &mut Unstructured<'_>, depth: usize) -> Result<ValueSpec> {
    let kinds = if depth == 0 { 3 } else { 6 };
    Ok(match input.int_in_range(0..=kinds)? {
        0 => ValueSpec::Constant("\"constant\"".to_owned()),
        1 => ValueSpec::Cursor,
        2 => ValueSpec::PageInfo(parts(
            input,
            &[
                PagePart::HasNext,
                PagePart::HasPrevious,
                PagePart::Start,
                PagePart::End,
            ],
        )?),
        3 => ValueSpec::Leaf {
            path: path(input)?,
            leaf: leaf(input)?,
            presence: input.arbitrary()?,
            nullable: input.arbitrary()?,
        },
        4 => ValueSpec::Object {
            path: path(input)?,
            nullable: input.arbitrary()?,
            fields: fields(input, depth - 1)?,
        },
        5 => ValueSpec::List {
            path: path(input)?,
            nullable: input.arbitrary()?,
            fields: fields(input, depth - 1)?,
        },
        _ => ValueSpec::Edges(fields(input, depth - 1)?),
    })
}

fn leaf(input: &mut Unstructured<'_>) -> Result<LeafSpec> {
    let names = vec![(1, "ONE".to_owned()), (-2, "TWO".to_owned())];
    Ok(match input.int_in_range(0..=9)? {
        0 => LeafSpec::Text {
            empty_is_null: input.arbitrary()?,
        },
        1 => LeafSpec::Id(input.arbitrary()?),
        2 => LeafSpec::Int(*input.choose(&[
            Integer::I32,
            Integer::I64,
            Integer::U32,
            Integer::U64,
        ])?),
        3 => LeafSpec::Float(*input.choose(&[Real::F32, Real::F64])?),
        4 => LeafSpec::Boolean,
        5 => LeafSpec::Enum(names),
        6 => LeafSpec::Enums(names),
        7 => LeafSpec::Time,
        8 => LeafSpec::Money(parts(
            input,
            &[MoneyPart::Piastres, MoneyPart::Pounds, MoneyPart::Formatted],
        )?),
        _ => LeafSpec::Term {
            weight: -0.4,
            parts: parts(input, &[TermPart::Value, TermPart::Contribution])?,
        },
    })
}

fn parts<P: Copy>(input: &mut Unstructured<'_>, all: &[P]) -> Result<Parts<P>> {
    let length = input.int_in_range(0..=2)?;
    let part = |at| Ok((format!("p{at}"), Part::Of(*input.choose(all)?)));
    (0..length).map(part).collect()
}

fuzz_target!(|input: Input| {
    let Ok(plan) = Plan::new(&input.spec) else {
        return;
    };
    let Ok(json) = plan.render(&input.message, &input.paging) else {
        return;
    };
    assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    assert_eq!(
        plan.render(&input.message, &input.paging),
        Ok(json),
        "the same again"
    );
});
