//! Packed little-endian columns, as Python's `array.tobytes()` and `struct` make them.

use crate::error::NativeError;

/// A fixed-width number in a column.
pub(crate) trait Packed<const WIDTH: usize>: Sized {
    /// Reads the number from its little-endian bytes.
    fn unpack(bytes: [u8; WIDTH]) -> Self;
}

macro_rules! packed {
    ($($number:ty),*) => {$(
        impl Packed<{ size_of::<$number>() }> for $number {
            fn unpack(bytes: [u8; size_of::<$number>()]) -> Self {
                Self::from_le_bytes(bytes)
            }
        }
    )*};
}

packed!(u8, i8, u32, i32, i64, f64);

/// The number of rows that the leading id column has.
pub(crate) fn rows(name: &'static str, ids: &[u8]) -> Result<usize, NativeError> {
    let rows = ids.len() / size_of::<i64>();
    column::<i64, 8>(name, ids, rows).map(|_| rows)
}

/// Iterates a column of exactly `rows` numbers.
pub(crate) fn column<'a, T: Packed<WIDTH>, const WIDTH: usize>(
    name: &'static str,
    bytes: &'a [u8],
    rows: usize,
) -> Result<impl Iterator<Item = T> + use<'a, T, WIDTH>, NativeError> {
    let (chunks, rest) = bytes.as_chunks::<WIDTH>();
    if chunks.len() != rows || !rest.is_empty() {
        return Err(NativeError::Column {
            name,
            bytes: bytes.len(),
            rows,
            width: WIDTH,
        });
    }
    Ok(chunks.iter().map(|chunk| T::unpack(*chunk)))
}
