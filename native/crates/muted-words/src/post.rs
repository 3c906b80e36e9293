//! The text of a serialised `daira.social.v1.Post`, read without parsing the rest.

/// The field of the text.
const BODY: u64 = 3;
/// Wire types of protobuf.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED32: u64 = 5;

/// The text of a post; the last one, as protobuf merges. None if there is none or it is broken.
#[must_use]
pub fn body_of(mut post: &[u8]) -> Option<&str> {
    let mut body = None;
    while !post.is_empty() {
        let tag = varint(&mut post)?;
        match (tag >> 3, tag & 7) {
            (field, LENGTH_DELIMITED) => {
                let length = usize::try_from(varint(&mut post)?).ok()?;
                let (value, rest) = post.split_at_checked(length)?;
                post = rest;
                if field == BODY {
                    body = Some(value);
                }
            }
            (_, VARINT) => {
                varint(&mut post)?;
            }
            (_, FIXED64) => post = post.get(8..)?,
            (_, FIXED32) => post = post.get(4..)?,
            _ => return None,
        }
    }
    std::str::from_utf8(body?).ok()
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_is_found_among_other_fields() {
        let post = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 0x02, 0x08, 0x01],
            &[0x1a, 0x04, 0xd9, 0x86, 0xd8, 0xb5],
            &[0x50, 0x07],
        ]
        .concat();
        assert_eq!(body_of(&post), Some("نص"));
        assert_eq!(body_of(&[]), None);
        assert_eq!(body_of(&[0x1a, 0x05, 0x61]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = body_of(&bytes);
        }
    }
}
