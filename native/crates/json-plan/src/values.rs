//! Single values: what stands in a slot, and how it is written.

use crate::build::MONEY;
use crate::cursor;
use crate::draft::Place;
use crate::error::RenderError;
use crate::json;
use crate::leaves;
use crate::plan::{Leaf, Piece, Pieces};
use crate::reader::{Frame, Slot};
use crate::spec::{MoneyPart, TermPart};
use crate::wire::{Fields, Raw};

pub(crate) type Written = Result<(), RenderError>;

/// Writes what a number stands for; false when that is nothing.
pub(crate) fn put_number(out: &mut Vec<u8>, leaf: &Leaf, number: u64) -> Result<bool, RenderError> {
    match leaf {
        Leaf::Id(_) if number == 0 => return Ok(false),
        Leaf::Id(kind) => {
            out.push(b'"');
            cursor::encode_id(out, *kind, number.cast_signed());
            out.push(b'"');
        }
        Leaf::Int(kind) => json::put_integer(out, leaves::saturated(*kind, number)),
        Leaf::Float(kind) => json::put_float(out, leaves::real(*kind, number))?,
        Leaf::Boolean => json::put_bool(out, number != 0),
        Leaf::Enum(names) => match name(names, number) {
            Some(name) => out.extend_from_slice(name),
            None => return Ok(false),
        },
        Leaf::Money(pieces) => {
            let amount = leaves::signed(MONEY, number);
            put_pieces(out, pieces, |part, out| put_money(out, part, amount))?;
        }
        Leaf::Term(weight, pieces) => {
            let value = f64::from_bits(number);
            put_pieces(out, pieces, |part, out| match part {
                TermPart::Value => json::put_float(out, value),
                TermPart::Contribution => {
                    json::put_float(out, leaves::contribution(value, *weight))
                }
            })?;
        }
        Leaf::Text { .. } | Leaf::Time { .. } | Leaf::Enums(_) => {
            return Err(RenderError::Malformed);
        }
    }
    Ok(true)
}

fn put_money(out: &mut Vec<u8>, part: MoneyPart, amount: i64) -> Written {
    match part {
        MoneyPart::Piastres => json::put_display(out, format_args!("\"{amount}\"")),
        MoneyPart::Pounds => {
            json::put_display(out, format_args!("\"{}\"", leaves::plain_pounds(amount)))
        }
        MoneyPart::Formatted => {
            let pounds = leaves::grouped_pounds(amount);
            json::put_display(out, format_args!("\"EGP {pounds}\""))
        }
    }
}

pub(crate) fn put_time(
    out: &mut Vec<u8>,
    frame: &Frame<'_>,
    seconds: usize,
    nanos: usize,
) -> Written {
    let read = |at| number(frame, Place { guard: None, at }, false).unwrap_or_default();
    out.push(b'"');
    leaves::put_time(
        out,
        read(seconds).cast_signed(),
        leaves::enum_number(read(nanos)),
    )?;
    out.push(b'"');
    Ok(())
}

pub(crate) fn put_enums(
    out: &mut Vec<u8>,
    names: &[(i32, Vec<u8>)],
    values: &[Raw<'_>],
) -> Written {
    let mut mark = b'[';
    let mut put = |number| {
        if let Some(name) = name(names, number) {
            out.push(mark);
            out.extend_from_slice(name);
            mark = b',';
        }
    };
    for value in values {
        match *value {
            Raw::Varint(number) => put(number),
            Raw::Bytes(packed) => {
                let mut numbers = Fields::of(packed);
                while let Some(number) = numbers.next_varint()? {
                    put(number);
                }
            }
            _ => return Err(RenderError::Malformed),
        }
    }
    if mark == b'[' {
        out.push(b'[');
    }
    out.push(b']');
    Ok(())
}

pub(crate) fn put_pieces<P: Copy>(
    out: &mut Vec<u8>,
    pieces: &Pieces<P>,
    mut put: impl FnMut(P, &mut Vec<u8>) -> Written,
) -> Written {
    let mut mark = b'{';
    for (key, piece) in pieces {
        out.push(mark);
        out.extend_from_slice(key);
        match piece {
            Piece::Constant(text) => out.extend_from_slice(text),
            Piece::Of(part) => put(*part, out)?,
        }
        mark = b',';
    }
    if pieces.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
    Ok(())
}

fn name(names: &[(i32, Vec<u8>)], varint: u64) -> Option<&[u8]> {
    let number = leaves::enum_number(varint);
    let found = names.iter().find(|(known, _)| *known == number);
    found.map(|(_, name)| name.as_slice())
}

pub(crate) fn is_absent(frame: &Frame<'_>, guard: Option<usize>) -> bool {
    guard.is_some_and(|slot| matches!(frame.slot(slot), Slot::Absent))
}

/// The number at a place; absent, it is 0 unless the field has presence.
pub(crate) fn number(frame: &Frame<'_>, place: Place, presence: bool) -> Option<u64> {
    if is_absent(frame, place.guard) {
        return None;
    }
    match frame.slot(place.at) {
        Slot::Number(number) => Some(number),
        _ => (!presence).then_some(0),
    }
}

/// The same for text.
pub(crate) fn bytes<'a>(frame: &Frame<'a>, place: Place, presence: bool) -> Option<&'a [u8]> {
    if is_absent(frame, place.guard) {
        return None;
    }
    match frame.slot(place.at) {
        Slot::Bytes(bytes) => Some(bytes),
        _ => (!presence).then_some(&[]),
    }
}
