//! The filter of what a viewer was shown, as functions on plain bytes.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::columns::{column, rows};
use crate::error::{NativeError, in_range};

/// Greatest capacity and size that make sense: a filter is read with every feed.
const CAPACITY_MAX: usize = 1_000_000;
const SIZE_MAX: usize = 2_000_000;

/// A filter for `capacity` ids that has `ids` (i64): 10 bits per id of the capacity, no header.
#[pyfunction]
#[pyo3(signature = (ids, capacity))]
pub(crate) fn seen_build(py: Python<'_>, ids: &[u8], capacity: usize) -> PyResult<Py<PyBytes>> {
    let capacity = in_range("capacity", capacity, 1, CAPACITY_MAX)?;
    let filter = py.detach(|| {
        let ids = column("ids", ids, rows("ids", ids)?)?;
        Ok::<_, NativeError>(seen_filter::build(ids, capacity))
    })?;
    Ok(PyBytes::new(py, &filter).unbind())
}

/// Whether the filter has each id (i64); of those it does not have, 0.8 % are taken for had. Bytes
/// of any length are a filter, and the empty one has nothing.
#[pyfunction]
#[pyo3(signature = (seen, ids))]
pub(crate) fn seen_contains(
    py: Python<'_>,
    seen: &[u8],
    ids: &[u8],
) -> Result<Vec<bool>, NativeError> {
    py.detach(|| {
        let ids = column("ids", ids, rows("ids", ids)?)?;
        Ok(ids.map(|id| seen_filter::contains(seen, id)).collect())
    })
}

/// Offsets of the bits to set in a filter of a size so that it has the ids (i64), 7 an id, as Redis
/// SETBIT counts: 0 is the most significant bit of byte 0.
#[pyfunction]
#[pyo3(signature = (size_in_bytes, ids))]
pub(crate) fn seen_bits(
    py: Python<'_>,
    size_in_bytes: usize,
    ids: &[u8],
) -> Result<Vec<u64>, NativeError> {
    let size = in_range("size_in_bytes", size_in_bytes, 1, SIZE_MAX)?;
    py.detach(|| {
        let ids = column("ids", ids, rows("ids", ids)?)?;
        Ok(ids.flat_map(|id| seen_filter::bits(size, id)).collect())
    })
}
