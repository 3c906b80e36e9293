//! The wire format of protobuf: tags, varints and the lengths of what is skipped. Nothing is copied.

use crate::error::RenderError;

/// No field has a greater number.
pub(crate) const FIELD_MAX: u32 = (1 << 29) - 1;
/// Groups inside groups of unknown fields; more than that no message of ours has.
const GROUP_DEPTH_MAX: usize = 16;
const VARINT_BYTES_MAX: u32 = 10;

/// The value of one field as it lies on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
    /// A group, which the contract never uses; its content is passed over.
    Group,
}

/// The fields of a message, one after another.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value; `None` at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Raw<'a>)>, RenderError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, kind) = self.tag()?;
        Ok(Some((number, self.value(number, kind, GROUP_DEPTH_MAX)?)))
    }

    /// The next varint; `None` at the end.
    pub(crate) fn next_varint(&mut self) -> Result<Option<u64>, RenderError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.varint().map(Some)
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), RenderError> {
        let tag = u32::try_from(self.varint()?).map_err(|_| RenderError::Malformed)?;
        let [low, ..] = tag.to_le_bytes();
        let number = tag >> 3;
        if number == 0 || number > FIELD_MAX {
            return Err(RenderError::Malformed);
        }
        Ok((number, low & 7))
    }

    #[inline]
    fn value(&mut self, number: u32, kind: u8, depth: usize) -> Result<Raw<'a>, RenderError> {
        match kind {
            0 => self.varint().map(Raw::Varint),
            1 => self.array().map(Raw::Fixed64),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| RenderError::Malformed)?;
                let (bytes, rest) = self
                    .rest
                    .split_at_checked(length)
                    .ok_or(RenderError::Malformed)?;
                self.rest = rest;
                Ok(Raw::Bytes(bytes))
            }
            3 => self.skip_group(number, depth).map(|()| Raw::Group),
            5 => self.array().map(Raw::Fixed32),
            _ => Err(RenderError::Malformed),
        }
    }

    fn skip_group(&mut self, opened: u32, depth: usize) -> Result<(), RenderError> {
        let below = depth.checked_sub(1).ok_or(RenderError::Malformed)?;
        loop {
            let (number, kind) = self.tag()?;
            if kind == 4 {
                let closes = number == opened;
                return closes.then_some(()).ok_or(RenderError::Malformed);
            }
            self.value(number, kind, below)?;
        }
    }

    fn array<const WIDTH: usize>(&mut self) -> Result<[u8; WIDTH], RenderError> {
        let (array, rest) = self
            .rest
            .split_first_chunk::<WIDTH>()
            .ok_or(RenderError::Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, RenderError> {
        match self.rest.split_first() {
            Some((&first, rest)) if first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, RenderError> {
        let mut number = 0_u64;
        for place in 0..VARINT_BYTES_MAX {
            let (&byte, rest) = self.rest.split_first().ok_or(RenderError::Malformed)?;
            self.rest = rest;
            // The tenth byte holds the one bit that is left of 64.
            if place == VARINT_BYTES_MAX - 1 && byte > 1 {
                return Err(RenderError::Malformed);
            }
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(RenderError::Malformed)
    }
}
