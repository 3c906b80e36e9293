//! Values of the schema's own scalars, as `gateway/scalars.py` has them.

use std::fmt::Write as _;

use crate::error::RenderError;
use crate::spec::{Integer, Real};

const DAY_S: i64 = 86_400;
/// The years that are spelled with four digits: 1000-01-01 to 9999-12-31.
const SECONDS_MIN: i64 = -30_610_224_000;
const SECONDS_MAX: i64 = 253_402_300_799;
const NANOS_MAX: i32 = 999_999_999;
const NANOS_PER_MS: i32 = 1_000_000;
/// Days from 0000-03-01, where the reckoning of leap years is simple, to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
const ERA_DAYS: i64 = 146_097;
const CENTS: u64 = 100;
/// Digits that a product of the two decimals can have.
const CONTRIBUTION_DIGITS: usize = 11;
const CONTRIBUTION_UNITS: f64 = 1e11;
/// Below this the scaled product is off by less than a thousandth, so what is further from a tie is rounded right.
const SURE_BELOW: f64 = 1e12;
const SURE_FROM_TIE: f64 = 1e-3;

/// The number of a varint of this kind, kept within the 32 bits of GraphQL's Int.
pub(crate) fn saturated(kind: Integer, varint: u64) -> i64 {
    let bounds = i64::from(i32::MIN)..=i64::from(i32::MAX);
    match kind {
        Integer::I32 | Integer::I64 | Integer::U32 => {
            signed(kind, varint).clamp(*bounds.start(), *bounds.end())
        }
        Integer::U64 => i64::try_from(varint).unwrap_or(i64::MAX).min(*bounds.end()),
    }
}

/// The number of a varint of this kind.
pub(crate) fn signed(kind: Integer, varint: u64) -> i64 {
    match kind {
        Integer::I32 => i64::from(low_32(varint).cast_signed()),
        Integer::U32 => i64::from(low_32(varint)),
        Integer::I64 | Integer::U64 => varint.cast_signed(),
    }
}

/// The number of an enum's varint.
pub(crate) fn enum_number(varint: u64) -> i32 {
    low_32(varint).cast_signed()
}

/// The fraction in the bits of a field.
pub(crate) fn real(kind: Real, bits: u64) -> f64 {
    match kind {
        Real::F64 => f64::from_bits(bits),
        Real::F32 => f64::from(f32::from_bits(low_32(bits))),
    }
}

fn low_32(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Adds a moment as RFC 3339 in UTC to the millisecond.
///
/// # Errors
///
/// [`RenderError::Range`] outside of the years 1000 to 9999 and of a second's nanoseconds.
pub fn put_time(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> Result<(), RenderError> {
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) || !(0..=NANOS_MAX).contains(&nanos) {
        return Err(RenderError::Range);
    }
    let (year, month, day) = civil(seconds.div_euclid(DAY_S));
    let second_of_day = seconds.rem_euclid(DAY_S);
    let millis = i64::from(nanos / NANOS_PER_MS);
    put_digits::<4>(out, year, b'-');
    put_digits::<2>(out, month, b'-');
    put_digits::<2>(out, day, b'T');
    put_digits::<2>(out, second_of_day / 3600, b':');
    put_digits::<2>(out, second_of_day / 60 % 60, b':');
    put_digits::<2>(out, second_of_day % 60, b'.');
    put_digits::<3>(out, millis, b'Z');
    Ok(())
}

/// Adds the last digits of a number that is not below zero, and what follows them.
fn put_digits<const COUNT: usize>(out: &mut Vec<u8>, number: i64, next: u8) {
    let mut digits = [b'0'; COUNT];
    let mut left = number;
    for place in digits.iter_mut().rev() {
        let [digit, ..] = (left % 10).to_le_bytes();
        *place += digit;
        left /= 10;
    }
    out.extend_from_slice(&digits);
    out.push(next);
}

/// Year, month and day of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAYS;
    let (era, day_of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 {
        march_based + 3
    } else {
        march_based - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Pounds with two decimals, such as `-1234.50`.
#[must_use]
pub fn plain_pounds(piastres: i64) -> String {
    let (pounds, rest) = parts(piastres);
    format!("{}{pounds}.{rest:02}", sign(piastres))
}

/// Pounds for people, such as `-1,234.50`.
#[must_use]
pub fn grouped_pounds(piastres: i64) -> String {
    let (pounds, rest) = parts(piastres);
    let digits = pounds.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 4);
    grouped.push_str(sign(piastres));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    // Writing to a string cannot fail.
    let _ = write!(grouped, ".{rest:02}");
    grouped
}

fn parts(piastres: i64) -> (u64, u64) {
    let amount = piastres.unsigned_abs();
    (amount / CENTS, amount % CENTS)
}

fn sign(piastres: i64) -> &'static str {
    if piastres < 0 { "-" } else { "" }
}

/// What a term adds to a score: the product, rounded to the digits that it can have, ties to even.
#[must_use]
pub fn contribution(value: f64, weight: f64) -> f64 {
    let product = value * weight;
    let scaled = product * CONTRIBUTION_UNITS;
    let from_tie = (scaled.abs().fract() - 0.5).abs();
    if scaled.abs() < SURE_BELOW && from_tie > SURE_FROM_TIE {
        return scaled.round() / CONTRIBUTION_UNITS;
    }
    if !product.is_finite() {
        return product;
    }
    let text = format!("{product:.CONTRIBUTION_DIGITS$}");
    text.parse().unwrap_or(product)
}
