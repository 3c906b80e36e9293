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
pub fn encode_id(out: &mut Vec<u8>, kind: u8, number: i64) {
    put_base64(out, &head(kind, number));
}

/// Adds the text of a cursor.
pub fn encode_cursor(out: &mut Vec<u8>, token: &[u8], skip: u8, key: i64) {
    // Nine bytes are twelve characters whole, so the token's follow as they would alone.
    put_base64(out, &head(skip, key));
    put_base64(out, token);
}

fn head(first: u8, number: i64) -> [u8; 9] {
    let mut head = [first; 9];
    if let Some(last) = head.last_chunk_mut::<8>() {
        *last = number.to_be_bytes();
    }
    head
}

/// Without padding.
fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let (triples, rest) = bytes.as_chunks::<3>();
    for &[a, b, c] in triples {
        out.extend_from_slice(&[
            letter(a >> 2),
            letter((a & 3) << 4 | b >> 4),
            letter((b & 15) << 2 | c >> 6),
            letter(c & 63),
        ]);
    }
    match *rest {
        [a] => out.extend_from_slice(&[letter(a >> 2), letter((a & 3) << 4)]),
        [a, b] => out.extend_from_slice(&[
            letter(a >> 2),
            letter((a & 3) << 4 | b >> 4),
            letter((b & 15) << 2),
        ]),
        _ => {}
    }
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
