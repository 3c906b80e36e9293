//! From a specification to a plan: every field gets its slot, every key and constant its bytes.

use crate::draft::{Draft, Encoding, Place};
use crate::error::PlanError;
use crate::json;
use crate::plan::{Connection, Field, Leaf, Piece, Pieces, Record, Root, Value};
use crate::spec::{FieldSpec, Integer, LeafSpec, Part, Parts, Real, RootSpec, ValueSpec};

const DEPTH_MAX: usize = 32;
const VALUES_MAX: usize = 4096;
const SECONDS: u32 = 1;
const NANOS: u32 = 2;

pub(crate) fn root(spec: &RootSpec) -> Result<Root, PlanError> {
    let mut budget = Budget(VALUES_MAX);
    match spec {
        RootSpec::Object { path, fields } => {
            let mut builder = Builder::new(&mut budget, Stage::Plain);
            let guard = match path.as_slice() {
                [] => None,
                path => Some(builder.draft.message(&[], path)?),
            };
            let fields = builder.fields(path, fields, DEPTH_MAX)?;
            let record = builder.record(fields);
            Ok(Root::Object { guard, record })
        }
        RootSpec::Connection {
            items,
            key,
            token,
            fields,
        } => {
            // Refuses a way that leads nowhere.
            Draft::default().value(&[], key, Encoding::Varint)?;
            let mut builder = Builder::new(&mut budget, Stage::Page(key));
            let items = builder.draft.value(&[], &[*items], Encoding::Messages)?;
            let token = builder.draft.value(&[], &[*token], Encoding::Bytes)?;
            let fields = builder.fields(&[], fields, DEPTH_MAX)?;
            let record = builder.record(fields);
            Ok(Root::Connection(Connection {
                record,
                items,
                token,
                key: key.clone(),
            }))
        }
    }
}

/// How many values a plan may still have.
struct Budget(usize);

/// What may stand among the fields at hand.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Stage<'a> {
    Plain,
    /// With the way to the id of an item.
    Page(&'a [u32]),
    Edge(&'a [u32]),
}

struct Builder<'a> {
    draft: Draft,
    budget: &'a mut Budget,
    stage: Stage<'a>,
}

impl<'a> Builder<'a> {
    fn new(budget: &'a mut Budget, stage: Stage<'a>) -> Self {
        Self {
            draft: Draft::default(),
            budget,
            stage,
        }
    }

    fn record(self, fields: Vec<Field>) -> Record {
        Record {
            reader: self.draft.reader(),
            slots: self.draft.slots,
            lists: self.draft.lists,
            fields,
        }
    }

    fn fields(
        &mut self,
        base: &[u32],
        specs: &[FieldSpec],
        depth: usize,
    ) -> Result<Vec<Field>, PlanError> {
        let below = depth.checked_sub(1).ok_or(PlanError::TooDeep)?;
        let left = self.budget.0.checked_sub(specs.len());
        self.budget.0 = left.ok_or(PlanError::TooLarge)?;
        let stage = self.stage;
        specs
            .iter()
            .map(|spec| {
                self.stage = stage;
                let value = self.value(base, &spec.value, below)?;
                let key = key(&spec.key)?;
                Ok(Field { key, value })
            })
            .collect()
    }

    fn value(&mut self, base: &[u32], spec: &ValueSpec, depth: usize) -> Result<Value, PlanError> {
        match spec {
            ValueSpec::Constant(text) => Ok(Value::Constant(constant(text)?)),
            ValueSpec::Leaf {
                path,
                leaf,
                presence,
                nullable,
            } => {
                let (place, leaf) = self.leaf(base, path, leaf)?;
                Ok(Value::Leaf {
                    place,
                    leaf,
                    presence: *presence,
                    nullable: *nullable,
                })
            }
            ValueSpec::Object {
                path,
                nullable,
                fields,
            } => {
                self.stage = Stage::Plain;
                let guard = match path.as_slice() {
                    [] => None,
                    path => Some(self.draft.message(base, path)?),
                };
                let base = [base, path].concat();
                Ok(Value::Object {
                    guard,
                    nullable: *nullable,
                    fields: self.fields(&base, fields, depth)?,
                })
            }
            ValueSpec::List {
                path,
                nullable,
                fields,
            } => Ok(Value::List {
                place: self.draft.value(base, path, Encoding::Messages)?,
                nullable: *nullable,
                record: Box::new(self.list(fields, Stage::Plain, depth)?),
            }),
            ValueSpec::Edges(fields) => match self.stage {
                Stage::Page(key) => {
                    let edge = self.list(fields, Stage::Edge(key), depth)?;
                    Ok(Value::Edges(Box::new(edge)))
                }
                _ => Err(PlanError::Misplaced),
            },
            ValueSpec::PageInfo(parts) if matches!(self.stage, Stage::Page(_)) => {
                Ok(Value::PageInfo(pieces(parts)?))
            }
            ValueSpec::Cursor => match self.stage {
                Stage::Edge(key) => Ok(Value::Cursor(self.draft.value(
                    &[],
                    key,
                    Encoding::Varint,
                )?)),
                _ => Err(PlanError::Misplaced),
            },
            ValueSpec::PageInfo(_) => Err(PlanError::Misplaced),
        }
    }

    /// The record of the messages of a list: they have frames of their own.
    fn list(
        &mut self,
        specs: &[FieldSpec],
        stage: Stage<'_>,
        depth: usize,
    ) -> Result<Record, PlanError> {
        let mut builder = Builder::new(self.budget, stage);
        let fields = builder.fields(&[], specs, depth)?;
        Ok(builder.record(fields))
    }

    fn leaf(
        &mut self,
        base: &[u32],
        path: &[u32],
        spec: &LeafSpec,
    ) -> Result<(Place, Leaf), PlanError> {
        if let LeafSpec::Time = spec {
            let at = self.draft.message(base, path)?;
            let inside = [base, path].concat();
            let seconds = self.draft.value(&inside, &[SECONDS], Encoding::Varint)?.at;
            let nanos = self.draft.value(&inside, &[NANOS], Encoding::Varint)?.at;
            return Ok((Place { guard: None, at }, Leaf::Time { seconds, nanos }));
        }
        let (encoding, leaf) = leaf(spec)?;
        Ok((self.draft.value(base, path, encoding)?, leaf))
    }
}

fn leaf(spec: &LeafSpec) -> Result<(Encoding, Leaf), PlanError> {
    Ok(match spec {
        LeafSpec::Text { empty_is_null } => (
            Encoding::Bytes,
            Leaf::Text {
                empty_is_null: *empty_is_null,
            },
        ),
        LeafSpec::Id(kind) => (Encoding::Varint, Leaf::Id(*kind)),
        LeafSpec::Int(kind) => (Encoding::Varint, Leaf::Int(*kind)),
        LeafSpec::Float(kind) => (fraction(*kind), Leaf::Float(*kind)),
        LeafSpec::Boolean => (Encoding::Varint, Leaf::Boolean),
        LeafSpec::Enum(names) => (Encoding::Varint, Leaf::Enum(quoted(names)?)),
        LeafSpec::Enums(names) => (Encoding::Varints, Leaf::Enums(quoted(names)?)),
        LeafSpec::Time => return Err(PlanError::Conflict),
        LeafSpec::Money(parts) => (Encoding::Varint, Leaf::Money(pieces(parts)?)),
        LeafSpec::Term { weight, parts } => {
            (Encoding::Fixed64, Leaf::Term(*weight, pieces(parts)?))
        }
    })
}

fn fraction(kind: Real) -> Encoding {
    match kind {
        Real::F32 => Encoding::Fixed32,
        Real::F64 => Encoding::Fixed64,
    }
}

/// Amounts of money are of this kind.
pub(crate) const MONEY: Integer = Integer::I64;

fn quoted(names: &[(i32, String)]) -> Result<Vec<(i32, Vec<u8>)>, PlanError> {
    let quote = |(number, name): &(i32, String)| Ok((*number, in_quotes(name)?));
    names.iter().map(quote).collect()
}

fn pieces<P: Copy>(parts: &Parts<P>) -> Result<Pieces<P>, PlanError> {
    let piece = |(name, part): &(String, Part<P>)| {
        let piece = match part {
            Part::Constant(text) => Piece::Constant(constant(text)?),
            Part::Of(part) => Piece::Of(*part),
        };
        Ok((key(name)?, piece))
    };
    parts.iter().map(piece).collect()
}

fn key(name: &str) -> Result<Vec<u8>, PlanError> {
    let mut key = in_quotes(name)?;
    key.push(b':');
    Ok(key)
}

/// Keys and names need no escapes.
fn in_quotes(name: &str) -> Result<Vec<u8>, PlanError> {
    let plain = json::is_plain(name);
    let quoted = plain.then(|| format!("\"{name}\"").into_bytes());
    quoted.ok_or(PlanError::Text)
}

/// JSON text on one line; that it is JSON the caller sees to.
fn constant(text: &str) -> Result<Vec<u8>, PlanError> {
    let fits = !text.is_empty() && !text.bytes().any(|byte| byte < 0x20);
    fits.then(|| text.as_bytes().to_vec())
        .ok_or(PlanError::Text)
}
