//! `FeatureTable`: the table behind a lock, and what others than feeds ask it.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::batches;
use crate::error::{NativeError, in_range};
use crate::ids::{inbox_ids, int_ids};
use crate::settings::RankSettings;

/// Features of hot posts; thread-safe, and every call releases the interpreter.
///
/// Columns are packed little-endian bytes of one length; `ValueError` if they are not.
#[pyclass(frozen, module = "daira_native")]
#[derive(Debug)]
pub(crate) struct FeatureTable {
    table: RwLock<feature_table::FeatureTable>,
    pub(crate) rank: feed_rank::RankSettings,
    pub(crate) max_candidates: usize,
}

type Read<'a> = RwLockReadGuard<'a, feature_table::FeatureTable>;
type Write<'a> = RwLockWriteGuard<'a, feature_table::FeatureTable>;

impl FeatureTable {
    pub(crate) fn read(&self) -> Result<Read<'_>, NativeError> {
        self.table.read().map_err(|_| NativeError::Broken)
    }

    pub(crate) fn write(&self) -> Result<Write<'_>, NativeError> {
        self.table.write().map_err(|_| NativeError::Broken)
    }

    pub(crate) fn limit(&self, name: &'static str, value: usize) -> Result<usize, NativeError> {
        in_range(name, value, 1, self.max_candidates)
    }
}

#[pymethods]
impl FeatureTable {
    #[new]
    fn new(settings: &RankSettings) -> Self {
        Self {
            table: RwLock::new(feature_table::FeatureTable::new(settings.table)),
            rank: settings.rank,
            max_candidates: settings.max_candidates,
        }
    }

    /// Whom the viewer's feed has nothing of: blocked either way, or muted.
    fn hidden_authors(&self, py: Python<'_>, viewer_id: i64) -> Result<Vec<i64>, NativeError> {
        py.detach(|| Ok(self.read()?.hidden_authors(viewer_id)))
    }

    /// The newest posts that the viewer reported, oldest first.
    fn reported_posts(&self, py: Python<'_>, viewer_id: i64) -> Result<Vec<i64>, NativeError> {
        py.detach(|| Ok(self.read()?.reported_posts(viewer_id).to_vec()))
    }

    /// Ids the table has never seen, in the order given; deleted ones are not among them.
    fn missing(&self, py: Python<'_>, inbox: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        let ids = inbox_ids(inbox, self.max_candidates)?;
        Ok(py.detach(|| Ok::<_, NativeError>(self.read()?.missing(&ids)))?)
    }

    /// Rows of 56 bytes, one per id: id, author and original (i64, 0 if it is no repost), likes,
    /// reposts, opens, impressions, reporters' trust and the author's followers (u32), kind and spam
    /// (u8), padding. Zeros for posts unknown or deleted.
    fn features(&self, py: Python<'_>, inbox: &Bound<'_, PyAny>) -> PyResult<Py<PyBytes>> {
        let ids = inbox_ids(inbox, self.max_candidates)?;
        let rows = py.detach(|| {
            let table = self.read()?;
            let mut rows = Vec::with_capacity(ids.len() * batches::FEATURE_ROW_BYTES);
            for &id in &ids {
                batches::push_feature_row(&mut rows, table.features(id));
            }
            Ok::<_, NativeError>(rows)
        })?;
        Ok(PyBytes::new(py, &rows).unbind())
    }

    /// An author's newest live posts below `before_id`, newest first; no reposts.
    #[pyo3(signature = (author_id, *, before_id, limit))]
    fn author_posts(
        &self,
        py: Python<'_>,
        author_id: i64,
        before_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, NativeError> {
        let limit = self.limit("limit", limit)?;
        py.detach(|| Ok(self.read()?.author_posts(author_id, before_id, limit)))
    }

    /// The authors' ids, 0 for unknown posts.
    fn authors_of(&self, py: Python<'_>, post_ids: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        let ids = int_ids("len(post_ids)", post_ids, self.max_candidates)?;
        let authors = py.detach(|| {
            let table = self.read()?;
            let authors = ids.iter().map(|&id| table.author_of(id).unwrap_or(0));
            Ok::<_, NativeError>(authors.collect::<Vec<i64>>())
        })?;
        Ok(authors)
    }

    /// `posts`, `deleted`, `authors`, `affinities`, `relations`, `viewer_reports`, `bytes`,
    /// `post_bytes` and `evicted_to`.
    ///
    /// `post_bytes` is the part of `bytes` that grows with posts, indexes included. At or below the
    /// id `evicted_to` posts may be missing because they made way for newer ones.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py.detach(|| Ok::<_, NativeError>(self.read()?.stats()))?;
        let dict = PyDict::new(py);
        dict.set_item("posts", stats.posts)?;
        dict.set_item("deleted", stats.deleted)?;
        dict.set_item("authors", stats.authors)?;
        dict.set_item("affinities", stats.affinities)?;
        dict.set_item("relations", stats.relations)?;
        dict.set_item("viewer_reports", stats.viewer_reports)?;
        dict.set_item("bytes", stats.bytes)?;
        dict.set_item("post_bytes", stats.post_bytes)?;
        dict.set_item("evicted_to", stats.evicted_to)?;
        Ok(dict)
    }

    /// A checksum over everything a feed depends on, independent of order.
    fn checksum(&self, py: Python<'_>) -> Result<u64, NativeError> {
        py.detach(|| Ok(self.read()?.checksum()))
    }
}
