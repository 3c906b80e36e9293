//! Ids from Python: decimal bytes straight from Redis, ints, or packed.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::columns::{column, rows};
use crate::error::{NativeError, in_range};

/// Reads the decimal ids of an inbox, of at most `max`; those at or below zero are markers.
pub(crate) fn inbox_ids(inbox: &Bound<'_, PyAny>, max: usize) -> PyResult<Vec<i64>> {
    let length = in_range("len(inbox)", inbox.len()?, 0, max)?;
    let mut ids = Vec::with_capacity(length);
    if let Ok(list) = inbox.cast::<PyList>() {
        for item in list {
            ids.extend(positive_id(&item)?);
        }
    } else {
        for item in inbox.try_iter()?.take(length) {
            ids.extend(positive_id(&item?)?);
        }
    }
    Ok(ids)
}

/// Reads an inbox as a run to merge: ascending. Inboxes are almost sorted already, newest first.
pub(crate) fn inbox_run(inbox: &Bound<'_, PyAny>, max: usize) -> PyResult<Vec<i64>> {
    let mut ids = inbox_ids(inbox, max)?;
    ids.reverse();
    ids.sort_unstable();
    Ok(ids)
}

/// Reads at most `max` ints.
pub(crate) fn int_ids(
    name: &'static str,
    ids: &Bound<'_, PyAny>,
    max: usize,
) -> PyResult<Vec<i64>> {
    let length = in_range(name, ids.len()?, 0, max)?;
    let read = ids.try_iter()?.take(length);
    read.map(|item| item?.extract::<i64>()).collect()
}

/// Reads at most `max` packed ids.
pub(crate) fn packed_ids(
    name: &'static str,
    packed: &[u8],
    max: usize,
) -> Result<Vec<i64>, NativeError> {
    let rows = in_range(name, rows(name, packed)?, 0, max)?;
    Ok(column(name, packed, rows)?.collect())
}

fn positive_id(item: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    let decimal = item.cast::<PyBytes>()?.as_bytes();
    let text = std::str::from_utf8(decimal).map_err(|_| NativeError::Id("inbox"))?;
    let id: i64 = text.parse().map_err(|_| NativeError::Id("inbox"))?;
    Ok((id > 0).then_some(id))
}
