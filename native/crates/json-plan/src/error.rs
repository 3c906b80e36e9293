//! Why a plan cannot be made, and why a message cannot be rendered by one.

use thiserror::Error;

/// A specification that makes no sense.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PlanError {
    /// Values inside values, deeper than any query may be.
    #[error("the selection is nested too deeply")]
    TooDeep,
    /// More values than any query may have.
    #[error("the selection is too large")]
    TooLarge,
    /// A path without a field, longer than any, or with a number that no field has.
    #[error("not a path of fields")]
    Path,
    /// One field read in two ways that exclude one another.
    #[error("one field is read as two kinds of thing")]
    Conflict,
    /// Something of a page outside of one, or a cursor outside of an edge.
    #[error("a part of a page stands outside of one")]
    Misplaced,
    /// Constant text that is no JSON value or no key.
    #[error("a constant or a key that does not fit into JSON")]
    Text,
}

/// A message without a plain answer.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RenderError {
    /// The bytes are not a message of the kind that the plan reads.
    #[error("not a well-formed message")]
    Malformed,
    /// Null where the schema allows none.
    #[error("null where none may be")]
    Null,
    /// A number or time that the schema cannot show.
    #[error("a value out of range")]
    Range,
    /// An answer longer than any page.
    #[error("the answer would be too long")]
    TooLong,
}
