//! `FeatureTable`: the table behind a lock, with batch calls that release the interpreter.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::batches;
use crate::columns::{column, rows};
use crate::error::{NativeError, in_range};
use crate::feed::RankedFeed;
use crate::ids::{inbox_ids, inbox_run, int_ids};
use crate::settings::RankSettings;

/// Features of hot posts; thread-safe, and every call releases the interpreter.
///
/// Columns are packed little-endian bytes of one length; `ValueError` if they are not.
#[pyclass(frozen, module = "daira_native")]
#[derive(Debug)]
pub(crate) struct FeatureTable {
    table: RwLock<feature_table::FeatureTable>,
    rank: feed_rank::RankSettings,
    max_candidates: usize,
}

type Read<'a> = RwLockReadGuard<'a, feature_table::FeatureTable>;
type Write<'a> = RwLockWriteGuard<'a, feature_table::FeatureTable>;

impl FeatureTable {
    fn read(&self) -> Result<Read<'_>, NativeError> {
        self.table.read().map_err(|_| NativeError::Broken)
    }

    fn write(&self) -> Result<Write<'_>, NativeError> {
        self.table.write().map_err(|_| NativeError::Broken)
    }

    fn limit(&self, name: &'static str, value: usize) -> Result<usize, NativeError> {
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

    /// Add posts or replace their counters (i64, i64, u8, u32, u32); how many were new. A deleted
    /// post stays deleted.
    fn upsert_posts(
        &self,
        py: Python<'_>,
        post_ids: &[u8],
        author_ids: &[u8],
        kinds: &[u8],
        likes: &[u8],
        reports: &[u8],
    ) -> Result<usize, NativeError> {
        py.detach(|| {
            let posts = batches::posts(post_ids, author_ids, kinds, likes, reports)?;
            let mut table = self.write()?;
            Ok(posts
                .map(|post| usize::from(table.upsert_post(&post)))
                .sum())
        })
    }

    /// Delete posts, known or still to come (i64); how many were not deleted before.
    fn delete_posts(&self, py: Python<'_>, post_ids: &[u8]) -> Result<usize, NativeError> {
        py.detach(|| {
            let ids = column("post_ids", post_ids, rows("post_ids", post_ids)?)?;
            let mut table = self.write()?;
            Ok(ids.map(|id| usize::from(table.delete_post(id))).sum())
        })
    }

    /// Set absolute follower counts (i64, u32).
    fn set_followers(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        counts: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let followers = batches::followers(author_ids, counts)?;
            let mut table = self.write()?;
            followers.for_each(|(author, count)| table.set_followers(author, count));
            Ok(())
        })
    }

    /// Change follower counts (i64, i32); never below zero.
    fn add_followers(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        deltas: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let followers = batches::followers(author_ids, deltas)?;
            let mut table = self.write()?;
            followers.for_each(|(author, delta)| table.add_followers(author, delta));
            Ok(())
        })
    }

    /// Set decayed like counts as they stood at `as_of_ms` (i64, i64, f64, i64).
    fn set_affinities(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        author_ids: &[u8],
        weights: &[u8],
        as_of_ms: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = batches::affinities(viewer_ids, author_ids, weights, as_of_ms)?;
            let mut table = self.write()?;
            for (viewer, author, weight, as_of_ms) in rows {
                table.set_affinity(viewer, author, weight, as_of_ms);
            }
            Ok(())
        })
    }

    /// Move like counts and affinities (i64, i64, i64, i8); how many posts were known.
    ///
    /// For a delta of -1, `at_ms` is the time of the like that is taken back. With `author_ids`
    /// (i64, 0 for unknown) affinities move also for posts that the table does not know.
    #[pyo3(signature = (viewer_ids, post_ids, at_ms, deltas, author_ids=None))]
    fn add_likes(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        post_ids: &[u8],
        at_ms: &[u8],
        deltas: &[u8],
        author_ids: Option<&[u8]>,
    ) -> Result<usize, NativeError> {
        py.detach(|| {
            let likes = batches::likes(viewer_ids, post_ids, at_ms, deltas, author_ids)?;
            let mut table = self.write()?;
            Ok(likes.map(|like| usize::from(table.add_like(&like))).sum())
        })
    }

    /// Change report counts (i64, i8), never below zero; how many posts were known.
    fn add_reports(
        &self,
        py: Python<'_>,
        post_ids: &[u8],
        deltas: &[u8],
    ) -> Result<usize, NativeError> {
        py.detach(|| {
            let rows = rows("post_ids", post_ids)?;
            let posts = column("post_ids", post_ids, rows)?;
            let deltas = column::<i8, 1>("deltas", deltas, rows)?;
            let mut table = self.write()?;
            let known = |(post, delta)| usize::from(table.add_reports(post, i32::from(delta)));
            Ok(posts.zip(deltas).map(known).sum())
        })
    }

    /// Rank the newest `candidate_cap` live posts of the inbox and the authors.
    ///
    /// `inbox` holds decimal ids as Redis returns them (those at or below 0 are ignored), in any
    /// order and with repeats. Posts above `ceiling_id`, unknown and deleted ones do not count.
    #[pyo3(signature = (viewer_id, inbox, authors, now_ms, *, ceiling_id, candidate_cap=800, limit))]
    fn rank(
        &self,
        py: Python<'_>,
        viewer_id: i64,
        inbox: &Bound<'_, PyAny>,
        authors: &Bound<'_, PyAny>,
        now_ms: i64,
        ceiling_id: i64,
        candidate_cap: usize,
        limit: usize,
    ) -> PyResult<RankedFeed> {
        let cap = self.limit("candidate_cap", candidate_cap)?;
        let limit = self.limit("limit", limit)?;
        let inbox = inbox_run(inbox, self.max_candidates)?;
        let authors = int_ids("len(authors)", authors, self.max_candidates)?;
        let (ranked, packed, floor_id, count) = py.detach(|| {
            let eligible = self
                .read()?
                .candidates(viewer_id, &inbox, &authors, ceiling_id, cap);
            let ranked = feed_rank::rank(&eligible.kept, &self.rank, now_ms, limit);
            let packed: Vec<u8> = ranked
                .iter()
                .flat_map(|post| post.id.to_le_bytes())
                .collect();
            let oldest = eligible.kept.last().filter(|_| eligible.cut);
            let floor_id = oldest.map_or(0, |candidate| candidate.id);
            Ok::<_, NativeError>((ranked, packed, floor_id, eligible.kept.len()))
        })?;
        Ok(RankedFeed::new(py, ranked, &packed, floor_id, count))
    }

    /// The newest live posts of the same sources below `before_id`, newest first.
    #[pyo3(signature = (viewer_id, inbox, authors, *, before_id, limit))]
    fn latest(
        &self,
        py: Python<'_>,
        viewer_id: i64,
        inbox: &Bound<'_, PyAny>,
        authors: &Bound<'_, PyAny>,
        before_id: i64,
        limit: usize,
    ) -> PyResult<Vec<i64>> {
        // The order does not depend on who looks; taken so that both feeds are called alike.
        let _ = viewer_id;
        let limit = self.limit("limit", limit)?;
        let inbox = inbox_run(inbox, self.max_candidates)?;
        let authors = int_ids("len(authors)", authors, self.max_candidates)?;
        let ceiling_id = before_id.saturating_sub(1);
        let newest = py.detach(|| {
            Ok::<_, NativeError>(self.read()?.newest(&inbox, &authors, ceiling_id, limit))
        })?;
        Ok(newest)
    }

    /// Ids the table has never seen, in the order given; deleted ones are not among them.
    fn missing(&self, py: Python<'_>, inbox: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        let ids = inbox_ids(inbox, self.max_candidates)?;
        Ok(py.detach(|| Ok::<_, NativeError>(self.read()?.missing(&ids)))?)
    }

    /// Rows of 32 bytes, one per id: id and author (i64), likes, reports and the author's followers
    /// (u32), kind (u8), padding. Zeros for posts unknown or deleted.
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

    /// An author's newest live posts below `before_id`, newest first.
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

    /// `posts`, `deleted`, `authors`, `affinities`, `bytes`, `post_bytes` and `evicted_to`.
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
        dict.set_item("bytes", stats.bytes)?;
        dict.set_item("post_bytes", stats.post_bytes)?;
        dict.set_item("evicted_to", stats.evicted_to)?;
        Ok(dict)
    }

    /// A checksum over live posts, follower counts and affinities, independent of order.
    fn checksum(&self, py: Python<'_>) -> Result<u64, NativeError> {
        py.detach(|| Ok(self.read()?.checksum()))
    }
}
