//! A plan as it is executed: readers that fill slots, and a tree of values that writes them.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::build;
use crate::cursor::After;
use crate::draft::Place;
use crate::error::{PlanError, RenderError};
use crate::reader::Reader;
use crate::render;
use crate::spec::{Integer, MoneyPart, PagePart, Real, RootSpec, TermPart};

/// Answers are written into room for the longest before, and a little more.
const SPARE_BYTES: usize = 512;
const ROOM_BYTES_MAX: usize = 1 << 20;

/// How the messages of one selection become JSON. Immutable, and good for any number of threads.
#[derive(Debug)]
pub struct Plan {
    pub(crate) root: Root,
    longest: AtomicUsize,
}

/// Which part of a page is wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Paging {
    /// The most items wanted.
    pub first: usize,
    /// Where to go on; `None` for the beginning of the list.
    pub after: Option<After>,
}

#[derive(Debug)]
pub(crate) enum Root {
    Object {
        guard: Option<usize>,
        record: Record,
    },
    Connection(Connection),
}

/// A page: its own fields, and what its edges are made of.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) record: Record,
    pub(crate) items: Place,
    pub(crate) token: Place,
    /// Where each item has its id, to find where to go on.
    pub(crate) key: Vec<u32>,
}

/// A message that is read into a frame of its own.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) reader: Reader,
    pub(crate) slots: usize,
    pub(crate) lists: usize,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Field {
    /// The key in quotes with its colon.
    pub(crate) key: Vec<u8>,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Constant(Vec<u8>),
    Leaf {
        place: Place,
        leaf: Leaf,
        presence: bool,
        nullable: bool,
    },
    Object {
        guard: Option<usize>,
        nullable: bool,
        fields: Vec<Field>,
    },
    List {
        place: Place,
        nullable: bool,
        record: Box<Record>,
    },
    Edges(Box<Record>),
    /// The place is that of the item's id.
    Cursor(Place),
    PageInfo(Pieces<PagePart>),
}

/// Keys in quotes with their colons, and what stands there.
pub(crate) type Pieces<P> = Vec<(Vec<u8>, Piece<P>)>;

#[derive(Debug)]
pub(crate) enum Piece<P> {
    Constant(Vec<u8>),
    Of(P),
}

#[derive(Debug)]
pub(crate) enum Leaf {
    Text {
        empty_is_null: bool,
    },
    Id(u8),
    Int(Integer),
    Float(Real),
    Boolean,
    Enum(Vec<(i32, Vec<u8>)>),
    Enums(Vec<(i32, Vec<u8>)>),
    /// The place is the presence of the message.
    Time {
        seconds: usize,
        nanos: usize,
    },
    Money(Pieces<MoneyPart>),
    Term(f64, Pieces<TermPart>),
}

impl Plan {
    /// Makes the plan of a specification.
    ///
    /// # Errors
    ///
    /// A [`PlanError`] for a specification that contradicts itself or passes a limit.
    pub fn new(spec: &RootSpec) -> Result<Self, PlanError> {
        Ok(Self {
            root: build::root(spec)?,
            longest: AtomicUsize::new(0),
        })
    }

    /// The JSON value of the message: UTF-8, without blanks.
    ///
    /// # Errors
    ///
    /// A [`RenderError`] when the message has no plain answer.
    pub fn render(&self, message: &[u8], paging: &Paging) -> Result<Vec<u8>, RenderError> {
        self.render_between(b"", message, paging, b"")
    }

    /// The same with bytes before and behind it, so that an answer is put together in one place.
    ///
    /// # Errors
    ///
    /// As [`Plan::render`].
    pub fn render_between(
        &self,
        before: &[u8],
        message: &[u8],
        paging: &Paging,
        behind: &[u8],
    ) -> Result<Vec<u8>, RenderError> {
        let room = self.longest.load(Ordering::Relaxed) + SPARE_BYTES;
        let mut out = Vec::with_capacity(room.min(ROOM_BYTES_MAX));
        out.extend_from_slice(before);
        render::root(&self.root, message, paging, &mut out)?;
        out.extend_from_slice(behind);
        self.longest.fetch_max(out.len(), Ordering::Relaxed);
        Ok(out)
    }
}
