//! Spellings of scalars beside vectors that the gateway's own Python made.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use json_plan::{RenderError, contribution, grouped_pounds, plain_pounds, put_time};

fn date_time(seconds: i64, nanos: i32) -> Result<String, RenderError> {
    let mut out = Vec::new();
    put_time(&mut out, seconds, nanos)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn times_are_those_of_the_gateway() {
    for (seconds, nanos, text) in [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (-1, 999_999_999, "1969-12-31T23:59:59.999Z"),
        (951_782_400, 1_000_000, "2000-02-29T00:00:00.001Z"),
        (4_107_542_399, 0, "2100-02-28T23:59:59.000Z"),
        (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
        (-30_610_224_000, 0, "1000-01-01T00:00:00.000Z"),
        (253_402_300_799, 999_999, "9999-12-31T23:59:59.000Z"),
    ] {
        assert_eq!(date_time(seconds, nanos).unwrap(), text);
    }
    for (seconds, nanos) in [
        (-30_610_224_001, 0),
        (253_402_300_800, 0),
        (i64::MIN, 0),
        (i64::MAX, 0),
        (0, -1),
        (0, 1_000_000_000),
    ] {
        assert!(date_time(seconds, nanos).is_err());
    }
}

#[test]
fn money_is_that_of_the_gateway() {
    for (piastres, plain, grouped) in [
        (0, "0.00", "0.00"),
        (5, "0.05", "0.05"),
        (-5, "-0.05", "-0.05"),
        (99_999, "999.99", "999.99"),
        (100_000, "1000.00", "1,000.00"),
        (-123_456_789, "-1234567.89", "-1,234,567.89"),
        (
            i64::MAX,
            "92233720368547758.07",
            "92,233,720,368,547,758.07",
        ),
        (
            i64::MIN,
            "-92233720368547758.08",
            "-92,233,720,368,547,758.08",
        ),
    ] {
        assert_eq!(plain_pounds(piastres), plain);
        assert_eq!(grouped_pounds(piastres), grouped);
    }
}

#[test]
fn contributions_are_rounded_as_python_rounds() {
    for (value, weight, product) in [
        (0.5, 0.35, 0.175),
        (0.1, -0.4, -0.04),
        // A tie: the even neighbour.
        (1.0 / 4096.0, 1.0, 0.000_244_140_62),
        (3.0 / 4096.0, 1.0, 0.000_732_421_88),
        (1e300, 2.0, 2e300),
    ] {
        assert!((contribution(value, weight) - product).abs() <= 0.0);
    }
    assert!(contribution(-1e-20, 1.0).is_sign_negative());
    assert!(contribution(f64::INFINITY, 1.0).is_infinite());
}
