//! Every way a call can fail, and the Python exception it becomes.

use feature_table::TableSettingsError;
use feed_rank::SettingsError;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use thiserror::Error;

/// Why a call was refused or failed.
#[derive(Debug, Error)]
pub(crate) enum NativeError {
    #[error("{name}: {bytes} bytes are not {rows} rows of {width}")]
    Column {
        name: &'static str,
        bytes: usize,
        rows: usize,
        width: usize,
    },
    #[error("{name} must be {low} to {high}, not {value}")]
    Range {
        name: &'static str,
        low: usize,
        high: usize,
        value: usize,
    },
    #[error("{0}: not a decimal id")]
    Id(&'static str),
    #[error("weights must be finite")]
    Weight,
    #[error("weights must be at least 0")]
    NegativeWeight,
    #[error("spam must be 0 to 100 percent")]
    Spam,
    #[error("flags must be 0 or 1")]
    Flag,
    #[error("relations have bits 1, 2 and 4 only")]
    RelationBits,
    #[error(transparent)]
    RankSettings(#[from] SettingsError),
    #[error(transparent)]
    TableSettings(#[from] TableSettingsError),
    /// A panic while writing: what the table holds can no longer be trusted.
    #[error("the table broke in an earlier call; make a new one")]
    Broken,
}

impl From<NativeError> for PyErr {
    fn from(error: NativeError) -> Self {
        match error {
            NativeError::Broken => PyRuntimeError::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        }
    }
}

/// Refuses a value outside `low..=high`.
pub(crate) fn in_range(
    name: &'static str,
    value: usize,
    low: usize,
    high: usize,
) -> Result<usize, NativeError> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(NativeError::Range {
            name,
            low,
            high,
            value,
        })
    }
}
