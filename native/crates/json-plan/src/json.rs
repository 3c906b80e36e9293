//! JSON text: strings with their escapes, numbers in their shortest spelling.

use std::fmt;
use std::io::Write as _;

use crate::error::RenderError;

const UNIT_DIGITS: usize = 11;
const UNITS_A_ONE: f64 = 1e11;
/// Fifteen digits in all.
const UNITS_BELOW: f64 = 1e4;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Adds a string in quotes; other than quotes, backslashes and control characters nothing is escaped.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &[u8]) -> Result<(), RenderError> {
    let checked = std::str::from_utf8(text).map_err(|_| RenderError::Malformed)?;
    out.push(b'"');
    let mut rest = checked.as_bytes();
    while let Some(place) = first_escaped(rest) {
        let (plain, from) = rest.split_at_checked(place).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = from.split_first() else {
            break;
        };
        put_escape(out, byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
    Ok(())
}

/// Whether the text may stand between quotes as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.bytes().any(must_escape)
}

/// Adds what the arguments spell.
pub(crate) fn put_display(out: &mut Vec<u8>, what: fmt::Arguments<'_>) -> Result<(), RenderError> {
    out.write_fmt(what).map_err(|_| RenderError::TooLong)
}

/// Adds a finite number with the fewest digits that read as the same number.
pub(crate) fn put_float(out: &mut Vec<u8>, number: f64) -> Result<(), RenderError> {
    if !number.is_finite() {
        return Err(RenderError::Range);
    }
    let Some(units) = units(number.abs()) else {
        return put_display(out, format_args!("{number:?}"));
    };
    if number.is_sign_negative() {
        out.push(b'-');
    }
    put_units(out, units);
    Ok(())
}

/// The number as a whole count of 1e-11, when that reads as the very same number: terms, weights and scores do.
///
/// Both the count and 1e11 are exact, so the quotient is the number that a reader makes of the decimal; and of the
/// decimals that read as one number only one has 15 digits or fewer, so it is the shortest.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "a whole number from 0 to 1e15; equal is what is asked"
)]
fn units(number: f64) -> Option<u64> {
    if number >= UNITS_BELOW {
        return None;
    }
    let count = (number * UNITS_A_ONE).round();
    (count / UNITS_A_ONE == number).then_some(count as u64)
}

fn put_units(out: &mut Vec<u8>, units: u64) {
    let mut digits = [b'0'; UNIT_DIGITS + 4];
    let mut left = units;
    for place in digits.iter_mut().rev() {
        let [digit, ..] = (left % 10).to_le_bytes();
        *place += digit;
        left /= 10;
    }
    let (whole, fraction) = digits.split_at_checked(4).unwrap_or_default();
    let leading = whole.iter().take(3).take_while(|&&digit| digit == b'0');
    out.extend_from_slice(whole.get(leading.count()..).unwrap_or_default());
    out.push(b'.');
    let trailing = fraction.iter().skip(1).rev();
    let zeros = trailing.take_while(|&&digit| digit == b'0').count();
    let shown = UNIT_DIGITS - zeros;
    out.extend_from_slice(fraction.get(..shown).unwrap_or_default());
}

/// Adds an integer.
pub(crate) fn put_integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0_u8; 20];
    let mut left = number.unsigned_abs();
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        let [digit, ..] = (left % 10).to_le_bytes();
        *place = b'0' + digit;
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend(digits.iter().skip(digits.len() - used));
}

pub(crate) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(crate) fn put_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Where the first byte stands that must be escaped. Eight bytes at a time are passed over that need not be.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    let plain = words
        .iter()
        .take_while(|word| !may_escape(u64::from_le_bytes(**word)));
    let passed = plain.count() * 8;
    let rest = text.get(passed..)?;
    let found = rest.iter().position(|&byte| must_escape(byte));
    found.map(|place| passed + place)
}

/// Whether one of eight bytes must be escaped: the high bit of a byte is set where a subtraction borrowed.
fn may_escape(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let is_zero = |word: u64| word.wrapping_sub(EACH) & !word;
    let control = word.wrapping_sub(EACH * 0x20) & !word;
    let quote = is_zero(word ^ (EACH * u64::from(b'"')));
    let backslash = is_zero(word ^ (EACH * u64::from(b'\\')));
    (control | quote | backslash) & HIGH != 0
}

fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            for half in [byte >> 4, byte & 0xf] {
                out.extend(HEX.get(usize::from(half)));
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::{put_float, put_integer, put_string};
    use crate::error::RenderError;

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_only_what_json_demands() {
        let text = "صباح \"الخير\" \\ \u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}\u{2028}🌙";
        let json = written(|out| put_string(out, text.as_bytes()).unwrap());
        let expected = "\"صباح \\\"الخير\\\" \\\\ \\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\u{2028}🌙\"";
        assert_eq!(json, expected);
    }

    #[test]
    fn finds_what_to_escape_wherever_it_stands() {
        for special in [
            '"', '\\', '\u{0}', '\u{1f}', '\u{20}', '\u{7f}', 'ص', '!', '[', ']',
        ] {
            for place in 0..20 {
                let before = "ب".repeat(place / 2) + &"x".repeat(place % 2);
                let text = format!("{before}{special}{before}");
                let json = written(|out| put_string(out, text.as_bytes()).unwrap());
                let shown = match special {
                    '"' => "\\\"".to_owned(),
                    '\\' => "\\\\".to_owned(),
                    '\u{0}' => "\\u0000".to_owned(),
                    '\u{1f}' => "\\u001f".to_owned(),
                    other => other.to_string(),
                };
                assert_eq!(json, format!("\"{before}{shown}{before}\""));
            }
        }
    }

    #[test]
    fn refuses_what_is_no_utf8() {
        let mut out = Vec::new();
        assert_eq!(put_string(&mut out, b"\xd8"), Err(RenderError::Malformed));
    }

    #[test]
    fn spells_integers() {
        for number in [0, 7, -1, 10, 1_234_567, i64::MAX, i64::MIN] {
            assert_eq!(written(|out| put_integer(out, number)), number.to_string());
        }
    }

    #[test]
    fn spells_finite_floats_only() {
        for (number, text) in [(1.0, "1.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1e300, "1e300")] {
            assert_eq!(written(|out| put_float(out, number).unwrap()), text);
        }
        for (number, text) in [
            (0.0, "0.0"),
            (0.4225, "0.4225"),
            (-0.000_000_000_01, "-0.00000000001"),
            (9_999.999_999_999_99, "9999.99999999999"),
            (10000.0, "10000.0"),
            (1.0 / 3.0, "0.3333333333333333"),
            (120.5, "120.5"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(written(|out| put_float(out, number).unwrap()), text);
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(put_float(&mut Vec::new(), number), Err(RenderError::Range));
        }
    }
}
