//! What a plan is made of: the response keys, and for each the field and how it is shown.
//!
//! Paths are field numbers from the message at hand; an empty path is that message itself.

/// What the answer shows of the message.
#[derive(Clone, Debug)]
pub enum RootSpec {
    /// An object that stands for the message at the path; null when it is absent.
    Object {
        /// Where the message is.
        path: Vec<u32>,
        /// What it shows.
        fields: Vec<FieldSpec>,
    },
    /// A page of a list.
    Connection {
        /// The repeated field of messages.
        items: u32,
        /// Where each item has its id.
        key: Vec<u32>,
        /// The field of the next page's token.
        token: u32,
        /// What the page shows.
        fields: Vec<FieldSpec>,
    },
}

/// A response key and its value.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// The key: a name of GraphQL.
    pub key: String,
    /// What stands there.
    pub value: ValueSpec,
}

/// What stands at a response key.
#[derive(Clone, Debug)]
pub enum ValueSpec {
    /// JSON text that is the same in every answer.
    Constant(String),
    /// A value without a selection of its own, or with one that needs no message.
    Leaf {
        /// Where it is.
        path: Vec<u32>,
        /// How it is shown.
        leaf: LeafSpec,
        /// Whether an absent field is null; else it has its default.
        presence: bool,
        /// Whether null may stand there.
        nullable: bool,
    },
    /// A single message.
    Object {
        /// Where it is.
        path: Vec<u32>,
        /// Whether null may stand there.
        nullable: bool,
        /// What it shows.
        fields: Vec<FieldSpec>,
    },
    /// A list of messages; never null in itself.
    List {
        /// Where they are.
        path: Vec<u32>,
        /// Whether null may stand there, which it does when a message on the way is absent.
        nullable: bool,
        /// What each shows.
        fields: Vec<FieldSpec>,
    },
    /// The edges of the page.
    Edges(Vec<FieldSpec>),
    /// The cursor of the edge.
    Cursor,
    /// The page's place in its list.
    PageInfo(Parts<PagePart>),
}

/// Response keys of something that is made of parts.
pub type Parts<P> = Vec<(String, Part<P>)>;

/// One part, or text that is always the same.
#[derive(Clone, Debug)]
pub enum Part<P> {
    /// JSON text.
    Constant(String),
    /// The part.
    Of(P),
}

/// How a value is shown.
#[derive(Clone, Debug)]
pub enum LeafSpec {
    /// Text; an empty one is null if `empty_is_null`.
    Text {
        /// Whether an empty text counts as absent.
        empty_is_null: bool,
    },
    /// An opaque id with this first byte; 0 is null.
    Id(u8),
    /// A number within 32 bits: what is beyond stays at the bound.
    Int(Integer),
    /// A finite number.
    Float(Real),
    /// True or false.
    Boolean,
    /// A name by number; null for a number without one.
    Enum(Vec<(i32, String)>),
    /// A repeated field's names; numbers without one are left out.
    Enums(Vec<(i32, String)>),
    /// A google.protobuf.Timestamp; the leaf's path leads to the message.
    Time,
    /// Piastres.
    Money(Parts<MoneyPart>),
    /// A term of a score with its weight.
    Term {
        /// What the term counts for.
        weight: f64,
        /// What is shown of it.
        parts: Parts<TermPart>,
    },
}

/// How an integer is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Integer {
    /// `int32`
    I32,
    /// `int64`
    I64,
    /// `uint32`
    U32,
    /// `uint64`
    U64,
}

/// How a fraction is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Real {
    /// `float`
    F32,
    /// `double`
    F64,
}

/// A spelling of money.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MoneyPart {
    /// `"-123450"`
    Piastres,
    /// `"-1234.50"`
    Pounds,
    /// `"EGP -1,234.50"`
    Formatted,
}

/// What is shown of a term.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TermPart {
    /// Its value.
    Value,
    /// Value times weight.
    Contribution,
}

/// What is shown of a page's place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PagePart {
    /// Whether there is a page after it.
    HasNext,
    /// Whether it follows another.
    HasPrevious,
    /// Cursor of the first edge.
    Start,
    /// Cursor to go on from.
    End,
}
