//! Reads the fields that a plan shows out of a message into numbered slots, in one pass.
//!
//! Single messages are read into the slots of the message that holds them: a field of them that
//! comes again later wins, and their parts merge, as protobuf has it.

use crate::error::RenderError;
use crate::wire::{Fields, Raw};

/// What to do with one field.
#[derive(Debug)]
pub(crate) enum Action {
    /// Keep a varint.
    Varint(usize),
    /// Keep eight bytes, such as a double's.
    Fixed64(usize),
    /// Keep four bytes, such as a float's.
    Fixed32(usize),
    /// Keep the bytes.
    Bytes(usize),
    /// Note that it is there and read what is in it.
    Message(usize, Reader),
    /// Keep every one, in order.
    Messages(usize),
    /// Keep every varint, packed or not.
    Varints(usize),
}

/// The fields wanted of one kind of message.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// By field number; `None` is passed over.
    pub(crate) actions: Vec<Option<Action>>,
}

/// What was read of a single field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Slot<'a> {
    #[default]
    Absent,
    Number(u64),
    Bytes(&'a [u8]),
    Present,
}

/// What was read of one message.
#[derive(Debug, Default)]
pub(crate) struct Frame<'a> {
    pub(crate) slots: Vec<Slot<'a>>,
    pub(crate) lists: Vec<Vec<Raw<'a>>>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(slots: usize, lists: usize) -> Self {
        Self {
            slots: vec![Slot::Absent; slots],
            lists: (0..lists).map(|_| Vec::new()).collect(),
        }
    }

    /// Forgets what was read and reads another message.
    pub(crate) fn read(&mut self, reader: &Reader, message: &'a [u8]) -> Result<(), RenderError> {
        self.slots.fill(Slot::Absent);
        for list in &mut self.lists {
            list.clear();
        }
        self.fill(reader, message)
    }

    pub(crate) fn slot(&self, at: usize) -> Slot<'a> {
        self.slots.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn list(&self, at: usize) -> &[Raw<'a>] {
        self.lists.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn fill(&mut self, reader: &Reader, message: &'a [u8]) -> Result<(), RenderError> {
        let mut fields = Fields::of(message);
        while let Some((number, raw)) = fields.next()? {
            let place = usize::try_from(number).map_err(|_| RenderError::Malformed)?;
            let Some(Some(action)) = reader.actions.get(place) else {
                continue;
            };
            self.take(action, raw)?;
        }
        Ok(())
    }

    /// A value of another wire type than the field's is an unknown field: it is passed over.
    fn take(&mut self, action: &Action, raw: Raw<'a>) -> Result<(), RenderError> {
        match (action, raw) {
            (&Action::Varint(slot), Raw::Varint(number)) => self.put(slot, Slot::Number(number)),
            (&Action::Fixed64(slot), Raw::Fixed64(bytes)) => {
                self.put(slot, Slot::Number(u64::from_le_bytes(bytes)));
            }
            (&Action::Fixed32(slot), Raw::Fixed32(bytes)) => {
                self.put(slot, Slot::Number(u64::from(u32::from_le_bytes(bytes))));
            }
            (&Action::Bytes(slot), Raw::Bytes(bytes)) => self.put(slot, Slot::Bytes(bytes)),
            (Action::Message(slot, reader), Raw::Bytes(bytes)) => {
                self.put(*slot, Slot::Present);
                self.fill(reader, bytes)?;
            }
            (&Action::Messages(list), Raw::Bytes(_))
            | (&Action::Varints(list), Raw::Bytes(_) | Raw::Varint(_)) => {
                if let Some(list) = self.lists.get_mut(list) {
                    list.push(raw);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, at: usize, value: Slot<'a>) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = value;
        }
    }
}
