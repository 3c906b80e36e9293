//! Messages put together byte by byte for the tests.

#![allow(dead_code, reason = "each test file uses some")]
#![allow(missing_docs, reason = "the names say it")]
#![allow(unreachable_pub, reason = "a module of tests")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return out;
        }
        out.push(low | 0x80);
    }
}

pub fn tag(number: u32, kind: u8) -> Vec<u8> {
    varint(u64::from(number) << 3 | u64::from(kind))
}

pub fn number(field: u32, value: i64) -> Vec<u8> {
    [tag(field, 0), varint(value.cast_unsigned())].concat()
}

pub fn bytes(field: u32, value: &[u8]) -> Vec<u8> {
    let length = varint(u64::try_from(value.len()).unwrap());
    [tag(field, 2), length, value.to_vec()].concat()
}

pub fn double(field: u32, value: f64) -> Vec<u8> {
    [tag(field, 1), value.to_le_bytes().to_vec()].concat()
}
