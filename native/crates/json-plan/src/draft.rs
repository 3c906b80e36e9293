//! Collects what a plan reads of one kind of message, and makes the reader of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::error::PlanError;
use crate::reader::{Action, Reader};

/// Readers are tables by field number; the contract's messages number their fields from 1 on.
const FIELD_NUMBER_MAX: u32 = 255;
const PATH_MAX: usize = 8;

/// How a field is encoded, and whether it repeats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Encoding {
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    Messages,
    Varints,
}

impl Encoding {
    fn repeats(self) -> bool {
        matches!(self, Self::Messages | Self::Varints)
    }
}

/// Where a value of a message was put: its slot or list, and the slot that says whether the message around it is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) guard: Option<usize>,
    pub(crate) at: usize,
}

/// The fields wanted of one kind of message and of those in it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) slots: usize,
    pub(crate) lists: usize,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    fields: BTreeMap<u32, Wanted>,
}

#[derive(Debug)]
enum Wanted {
    Value(Encoding, usize),
    Message(usize, Node),
}

impl Draft {
    /// Makes room for the value at the path from the message at `base`.
    pub(crate) fn value(
        &mut self,
        base: &[u32],
        path: &[u32],
        encoding: Encoding,
    ) -> Result<Place, PlanError> {
        let (last, way) = path.split_last().ok_or(PlanError::Path)?;
        let (node, around) = descend(&mut self.root, &mut self.slots, base, way)?;
        let counter = if encoding.repeats() {
            &mut self.lists
        } else {
            &mut self.slots
        };
        let at = match node.fields.entry(*last) {
            Entry::Occupied(found) => match found.get() {
                Wanted::Value(known, at) if *known == encoding => *at,
                _ => return Err(PlanError::Conflict),
            },
            Entry::Vacant(free) => {
                check_number(*last)?;
                let at = next(counter);
                free.insert(Wanted::Value(encoding, at));
                at
            }
        };
        // With nothing on the way, the message at the base is there whenever it is asked.
        let guard = around.filter(|_| !way.is_empty());
        Ok(Place { guard, at })
    }

    /// Makes room for the presence of the message at the path from the message at `base`.
    pub(crate) fn message(&mut self, base: &[u32], path: &[u32]) -> Result<usize, PlanError> {
        if path.is_empty() {
            return Err(PlanError::Path);
        }
        let (_, presence) = descend(&mut self.root, &mut self.slots, base, path)?;
        presence.ok_or(PlanError::Path)
    }

    pub(crate) fn reader(&self) -> Reader {
        self.root.reader()
    }
}

impl Node {
    fn reader(&self) -> Reader {
        let mut actions = Vec::new();
        for (number, wanted) in &self.fields {
            let place = usize::try_from(*number).unwrap_or_default();
            actions.resize_with(actions.len().max(place + 1), || None);
            let action = match wanted {
                Wanted::Value(encoding, at) => match encoding {
                    Encoding::Varint => Action::Varint(*at),
                    Encoding::Fixed64 => Action::Fixed64(*at),
                    Encoding::Fixed32 => Action::Fixed32(*at),
                    Encoding::Bytes => Action::Bytes(*at),
                    Encoding::Messages => Action::Messages(*at),
                    Encoding::Varints => Action::Varints(*at),
                },
                Wanted::Message(slot, node) => Action::Message(*slot, node.reader()),
            };
            if let Some(free) = actions.get_mut(place) {
                *free = Some(action);
            }
        }
        Reader { actions }
    }
}

/// The node of the message that the two paths lead to, and the slot that says whether it is there.
fn descend<'a>(
    root: &'a mut Node,
    slots: &mut usize,
    base: &[u32],
    way: &[u32],
) -> Result<(&'a mut Node, Option<usize>), PlanError> {
    if way.len() > PATH_MAX {
        return Err(PlanError::Path);
    }
    let mut node = root;
    let mut presence = None;
    for number in base.iter().chain(way) {
        check_number(*number)?;
        let wanted = node
            .fields
            .entry(*number)
            .or_insert_with(|| Wanted::Message(next(slots), Node::default()));
        let Wanted::Message(slot, below) = wanted else {
            return Err(PlanError::Conflict);
        };
        presence = Some(*slot);
        node = below;
    }
    Ok((node, presence))
}

fn check_number(number: u32) -> Result<(), PlanError> {
    let fits = (1..=FIELD_NUMBER_MAX).contains(&number);
    fits.then_some(()).ok_or(PlanError::Path)
}

fn next(counter: &mut usize) -> usize {
    let at = *counter;
    *counter += 1;
    at
}
