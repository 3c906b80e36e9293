//! Writes what was read: slots become JSON values, lists of messages become lists of objects.

use crate::draft::Place;
use crate::error::RenderError;
use crate::json;
use crate::page::Page;
use crate::plan::{Field, Leaf, Paging, Record, Root, Value};
use crate::reader::Frame;
use crate::values::{
    Written, bytes, is_absent, number, put_enums, put_number, put_pieces, put_time,
};
use crate::wire::Raw;

/// A page of the longest posts with a long cursor each is far below.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

pub(crate) fn root(root: &Root, message: &[u8], paging: &Paging, out: &mut Vec<u8>) -> Written {
    match root {
        Root::Object { guard, record } => {
            let mut frame = Frame::new(record.slots, record.lists);
            frame.read(&record.reader, message)?;
            Writer { out, page: None }.object(*guard, true, &record.fields, &frame)
        }
        Root::Connection(connection) => {
            let record = &connection.record;
            let mut frame = Frame::new(record.slots, record.lists);
            frame.read(&record.reader, message)?;
            let page = Page::of(connection, paging, &frame)?;
            let page = Some(&page);
            Writer { out, page }.object(None, true, &record.fields, &frame)
        }
    }
}

struct Writer<'a, 'o> {
    out: &'o mut Vec<u8>,
    page: Option<&'a Page<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn object(
        &mut self,
        guard: Option<usize>,
        nullable: bool,
        fields: &[Field],
        frame: &Frame<'a>,
    ) -> Written {
        if is_absent(frame, guard) {
            return self.null(nullable);
        }
        self.fields(fields, frame, None)
    }

    fn fields(&mut self, fields: &[Field], frame: &Frame<'a>, edge: Option<usize>) -> Written {
        let mut mark = b'{';
        for field in fields {
            self.out.push(mark);
            self.out.extend_from_slice(&field.key);
            self.value(&field.value, frame, edge)?;
            mark = b',';
        }
        if fields.is_empty() {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        if self.out.len() > OUTPUT_BYTES_MAX {
            return Err(RenderError::TooLong);
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, frame: &Frame<'a>, edge: Option<usize>) -> Written {
        match value {
            Value::Constant(text) => self.out.extend_from_slice(text),
            Value::Leaf {
                place,
                leaf,
                presence,
                nullable,
            } => {
                if !self.leaf(leaf, frame, *place, *presence)? {
                    return self.null(*nullable);
                }
            }
            Value::Object {
                guard,
                nullable,
                fields,
            } => return self.object(*guard, *nullable, fields, frame),
            Value::List {
                place,
                nullable,
                record,
            } => {
                if is_absent(frame, place.guard) {
                    return self.null(*nullable);
                }
                return self.list(record, frame.list(place.at), None);
            }
            Value::Edges(record) => {
                let page = self.page.ok_or(RenderError::Malformed)?;
                let shown = page.items.get(page.start..page.end).unwrap_or_default();
                return self.list(record, shown, Some(page.start));
            }
            Value::Cursor(place) => {
                let (page, at) = self.page.zip(edge).ok_or(RenderError::Malformed)?;
                let key = number(frame, *place, false).map(u64::cast_signed);
                return page.put_cursor(at, || Ok(key), self.out);
            }
            Value::PageInfo(pieces) => {
                let page = self.page.ok_or(RenderError::Malformed)?;
                return put_pieces(self.out, pieces, |part, out| page.put(part, out));
            }
        }
        Ok(())
    }

    /// The messages as objects; `start` is the place of the first in its page.
    fn list(&mut self, record: &Record, messages: &[Raw<'a>], start: Option<usize>) -> Written {
        let mut frame = Frame::new(record.slots, record.lists);
        self.out.push(b'[');
        for (place, message) in messages.iter().enumerate() {
            let Raw::Bytes(message) = message else {
                return Err(RenderError::Malformed);
            };
            if place > 0 {
                self.out.push(b',');
            }
            frame.read(&record.reader, message)?;
            self.fields(&record.fields, &frame, start.map(|start| start + place))?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// Writes the value; false when there is none.
    fn leaf(
        &mut self,
        leaf: &Leaf,
        frame: &Frame<'a>,
        place: Place,
        presence: bool,
    ) -> Result<bool, RenderError> {
        let out = &mut *self.out;
        match leaf {
            Leaf::Text { empty_is_null } => {
                let found = bytes(frame, place, presence);
                let Some(text) = found.filter(|text| !(*empty_is_null && text.is_empty())) else {
                    return Ok(false);
                };
                json::put_string(out, text)?;
            }
            Leaf::Time { seconds, nanos } => {
                if is_absent(frame, Some(place.at)) {
                    return Ok(false);
                }
                put_time(out, frame, *seconds, *nanos)?;
            }
            Leaf::Enums(names) => {
                if is_absent(frame, place.guard) {
                    return Ok(false);
                }
                put_enums(out, names, frame.list(place.at))?;
            }
            _ => {
                let Some(number) = number(frame, place, presence) else {
                    return Ok(false);
                };
                return put_number(out, leaf, number);
            }
        }
        Ok(true)
    }

    fn null(&mut self, nullable: bool) -> Written {
        if !nullable {
            return Err(RenderError::Null);
        }
        json::put_null(self.out);
        Ok(())
    }
}
