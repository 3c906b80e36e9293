//! The page of a list that was asked for, cut out of the service's, and its cursors.

use crate::cursor;
use crate::error::RenderError;
use crate::json;
use crate::plan::{Connection, Paging};
use crate::reader::{Frame, Slot};
use crate::spec::PagePart;
use crate::values::Written;
use crate::wire::{Fields, Raw};

/// The part of the service's page that was asked for.
pub(crate) struct Page<'a> {
    pub(crate) items: &'a [Raw<'a>],
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The token of the service's next page; empty at the end.
    token: &'a [u8],
    paging: &'a Paging,
    /// Where each item has its id.
    key: &'a [u32],
}

impl<'a> Page<'a> {
    pub(crate) fn of(
        connection: &'a Connection,
        paging: &'a Paging,
        frame: &'a Frame<'a>,
    ) -> Result<Self, RenderError> {
        let token = match frame.slot(connection.token.at) {
            Slot::Bytes(token) => token,
            _ => &[],
        };
        std::str::from_utf8(token).map_err(|_| RenderError::Malformed)?;
        let mut page = Self {
            items: frame.list(connection.items.at),
            start: 0,
            end: 0,
            token,
            paging,
            key: &connection.key,
        };
        page.start = page.find_start()?;
        page.end = page
            .items
            .len()
            .min(page.start.saturating_add(paging.first));
        Ok(page)
    }

    /// Behind the item whose id the cursor holds, or as far in as it was when that is gone.
    fn find_start(&self) -> Result<usize, RenderError> {
        let Some(after) = self.paging.after.as_ref().filter(|after| after.skip > 0) else {
            return Ok(0);
        };
        for at in 0..self.items.len() {
            if self.id(at)? == Some(after.key) {
                return Ok(at + 1);
            }
        }
        Ok(self.items.len().min(usize::from(after.skip)))
    }

    fn id(&self, at: usize) -> Result<Option<i64>, RenderError> {
        let Some(Raw::Bytes(item)) = self.items.get(at) else {
            return Ok(None);
        };
        let mut found = None;
        find_number(self.key, item, &mut found)?;
        Ok(found.map(u64::cast_signed))
    }

    /// Writes the cursor of the item at this place of the service's page; `key` is its id.
    pub(crate) fn put_cursor(
        &self,
        at: usize,
        key: impl FnOnce() -> Result<Option<i64>, RenderError>,
        out: &mut Vec<u8>,
    ) -> Written {
        if at + 1 == self.items.len() && !self.token.is_empty() {
            put_cursor(out, self.token, 0, 0);
            return Ok(());
        }
        let token = self.paging.after.as_ref().map_or("", |after| &after.token);
        let skip = u8::try_from(at + 1).map_err(|_| RenderError::Range)?;
        let key = key()?.ok_or(RenderError::Null)?;
        put_cursor(out, token.as_bytes(), skip, key);
        Ok(())
    }

    pub(crate) fn put(&self, part: PagePart, out: &mut Vec<u8>) -> Written {
        let last = self.end.checked_sub(1).filter(|_| self.start < self.end);
        match part {
            PagePart::HasNext => {
                let more = self.end < self.items.len() || !self.token.is_empty();
                json::put_bool(out, more);
            }
            PagePart::HasPrevious => json::put_bool(out, self.paging.after.is_some()),
            PagePart::Start if last.is_some() => {
                return self.put_cursor(self.start, || self.id(self.start), out);
            }
            PagePart::End => match last {
                Some(last) => return self.put_cursor(last, || self.id(last), out),
                None if !self.token.is_empty() => put_cursor(out, self.token, 0, 0),
                None => json::put_null(out),
            },
            PagePart::Start => json::put_null(out),
        }
        Ok(())
    }
}

fn put_cursor(out: &mut Vec<u8>, token: &[u8], skip: u8, key: i64) {
    out.push(b'"');
    cursor::encode_cursor(out, token, skip, key);
    out.push(b'"');
}

/// Finds the varint at a path: 0 when only it is absent, untouched when a message on the way is. Parts of one message
/// merge: what comes later wins.
fn find_number(path: &[u32], message: &[u8], found: &mut Option<u64>) -> Result<(), RenderError> {
    let Some((wanted, below)) = path.split_first() else {
        return Ok(());
    };
    if below.is_empty() {
        found.get_or_insert_default();
    }
    let mut fields = Fields::of(message);
    while let Some((number, raw)) = fields.next()? {
        match raw {
            _ if number != *wanted => {}
            Raw::Varint(value) if below.is_empty() => *found = Some(value),
            Raw::Bytes(part) if !below.is_empty() => find_number(below, part, found)?,
            _ => {}
        }
    }
    Ok(())
}
