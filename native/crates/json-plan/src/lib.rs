//! Turns the bytes of a protobuf message into the JSON of a GraphQL selection, by a plan.
//!
//! A [`Plan`] is made once of a [`RootSpec`], which says for every response key which field of the
//! message it shows and how. [`Plan::render`] then reads a message once and writes the JSON. What
//! has no plain answer (null where none may be, a time out of range, bytes that are no message) is
//! a [`RenderError`]: the caller asks a slower executor, which knows how to tell it.

mod build;
mod cursor;
mod draft;
mod error;
mod json;
mod leaves;
mod page;
mod plan;
mod reader;
mod render;
mod spec;
mod values;
mod wire;

pub use cursor::{After, encode_cursor, encode_id};
pub use error::{PlanError, RenderError};
pub use leaves::{contribution, grouped_pounds, plain_pounds, put_time};
pub use plan::{Paging, Plan};
pub use spec::{
    FieldSpec, Integer, LeafSpec, MoneyPart, PagePart, Part, Parts, Real, RootSpec, TermPart,
    ValueSpec,
};
