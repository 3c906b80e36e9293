//! Opaque texts: ids and cursors in URL-safe base64, as `gateway/opaque_ids.py` and `gateway/cursors.py` have them.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The cursor that a page was asked for: the page of `token` from behind the `skip`-th item, whose id is `key`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct After {
    /// The service's page token; empty on the first page.
    pub token: String,
    /// How many items of the page come before.
    pub skip: u8,
    /// The id of the last of them.
    pub key: i64,
}

/// Adds the opaque id of a thing: its kind's byte and its number.
#[allow(clippy::many_single_char_names, reason = "eight bytes of one number")]
pub fn encode_id(out: &mut Vec<u8>, kind: u8, number: i64) {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    for triple in [[kind, a, b], [c, d, e], [f, g, h]] {
        out.extend_from_slice(&letters(triple));
    }
}

/// Adds the text of a cursor.
pub fn encode_cursor(out: &mut Vec<u8>, token: &[u8], skip: u8, key: i64) {
    // Nine bytes are twelve letters whole, so the token's follow as they would alone.
    encode_id(out, skip, key);
    let (triples, rest) = token.as_chunks::<3>();
    out.reserve(token.len().div_ceil(3) * 4);
    for triple in triples {
        out.extend_from_slice(&letters(*triple));
    }
    // Without padding: of one byte two letters count, of two bytes three.
    let mut last = [0; 3];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    if !rest.is_empty() {
        out.extend(letters(last).iter().take(rest.len() + 1));
    }
}

fn letters([a, b, c]: [u8; 3]) -> [u8; 4] {
    [
        letter(a >> 2),
        letter((a & 3) << 4 | b >> 4),
        letter((b & 15) << 2 | c >> 6),
        letter(c & 63),
    ]
}

fn letter(six_bits: u8) -> u8 {
    ALPHABET
        .get(usize::from(six_bits))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{encode_cursor, encode_id};

    /// Made by `gateway/opaque_ids.py`.
    #[test]
    fn ids_are_those_of_the_gateway() {
        for (kind, number, text) in [
            (b'U', 1, "VQAAAAAAAAAB"),
            (b'P', 1 << 60, "UBAAAAAAAAAA"),
            (b'T', i64::MAX, "VH__________"),
            (b'E', -1, "Rf__________"),
        ] {
            let mut out = Vec::new();
            encode_id(&mut out, kind, number);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    /// Made by `gateway/cursors.py`.
    #[test]
    fn cursors_are_those_of_the_gateway() {
        for (token, skip, key, text) in [
            ("", 7, 123, "BwAAAAAAAAB7"),
            ("a", 0, 0, "AAAAAAAAAAAAYQ"),
            ("ab", 0, 0, "AAAAAAAAAAAAYWI"),
            ("abc", 99, -1, "Y___________YWJj"),
        ] {
            let mut out = Vec::new();
            encode_cursor(&mut out, token.as_bytes(), skip, key);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
