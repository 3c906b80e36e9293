//! `FeatureTable`: the table behind a lock, with batch calls that release the interpreter.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use feature_table::PostFeatures;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::{column, rows};
use crate::error::{NativeError, in_range};
use crate::feed::RankedFeed;
use crate::ids::{inbox_ids, inbox_run, int_ids};
use crate::settings::RankSettings;

/// The feature table of one replica. Thread-safe: many readers or one writer.
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
            let rows = rows("post_ids", post_ids)?;
            let posts = column("post_ids", post_ids, rows)?
                .zip(column("author_ids", author_ids, rows)?)
                .zip(column("kinds", kinds, rows)?)
                .zip(column("likes", likes, rows)?)
                .zip(column("reports", reports, rows)?)
                .map(|((((id, author_id), kind), likes), reports)| PostFeatures {
                    id,
                    author_id,
                    kind,
                    likes,
                    reports,
                });
            let mut table = self.write()?;
            Ok(posts
                .map(|post| usize::from(table.upsert_post(&post)))
                .sum())
        })
    }

    fn delete_posts(&self, py: Python<'_>, post_ids: &[u8]) -> Result<usize, NativeError> {
        py.detach(|| {
            let ids = column("post_ids", post_ids, rows("post_ids", post_ids)?)?;
            let mut table = self.write()?;
            Ok(ids.map(|id| usize::from(table.delete_post(id))).sum())
        })
    }

    fn set_followers(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        counts: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = rows("author_ids", author_ids)?;
            let ids = column("author_ids", author_ids, rows)?;
            let counts = column("counts", counts, rows)?;
            let mut table = self.write()?;
            ids.zip(counts)
                .for_each(|(id, count)| table.set_followers(id, count));
            Ok(())
        })
    }

    fn add_followers(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        deltas: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = rows("author_ids", author_ids)?;
            let ids = column("author_ids", author_ids, rows)?;
            let deltas = column("deltas", deltas, rows)?;
            let mut table = self.write()?;
            ids.zip(deltas)
                .for_each(|(id, delta)| table.add_followers(id, delta));
            Ok(())
        })
    }

    fn set_affinities(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        author_ids: &[u8],
        weights: &[u8],
        as_of_ms: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = rows("viewer_ids", viewer_ids)?;
            let viewers = column("viewer_ids", viewer_ids, rows)?;
            let authors = column("author_ids", author_ids, rows)?;
            let mut checked = column::<f64, 8>("weights", weights, rows)?;
            if checked.any(|weight| !(weight.is_finite() && weight >= 0.0)) {
                return Err(NativeError::Weight);
            }
            let weights = column("weights", weights, rows)?;
            let times = column("as_of_ms", as_of_ms, rows)?;
            let mut table = self.write()?;
            for (((viewer, author), weight), as_of_ms) in
                viewers.zip(authors).zip(weights).zip(times)
            {
                table.set_affinity(viewer, author, weight, as_of_ms);
            }
            Ok(())
        })
    }

    fn add_likes(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        post_ids: &[u8],
        at_ms: &[u8],
        deltas: &[u8],
    ) -> Result<usize, NativeError> {
        py.detach(|| {
            let rows = rows("viewer_ids", viewer_ids)?;
            let viewers = column("viewer_ids", viewer_ids, rows)?;
            let posts = column("post_ids", post_ids, rows)?;
            let times = column("at_ms", at_ms, rows)?;
            let deltas = column("deltas", deltas, rows)?;
            let mut table = self.write()?;
            let likes = viewers.zip(posts).zip(times).zip(deltas);
            let known = |(((viewer, post), at_ms), delta)| {
                usize::from(table.add_like(viewer, post, at_ms, delta))
            };
            Ok(likes.map(known).sum())
        })
    }

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

    fn missing(&self, py: Python<'_>, inbox: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        let ids = inbox_ids(inbox, self.max_candidates)?;
        Ok(py.detach(|| Ok::<_, NativeError>(self.read()?.missing(&ids)))?)
    }

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

    fn authors_of(&self, py: Python<'_>, post_ids: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        let ids = int_ids("len(post_ids)", post_ids, self.max_candidates)?;
        let authors = py.detach(|| {
            let table = self.read()?;
            let authors = ids.iter().map(|&id| table.author_of(id).unwrap_or(0));
            Ok::<_, NativeError>(authors.collect::<Vec<i64>>())
        })?;
        Ok(authors)
    }

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

    fn checksum(&self, py: Python<'_>) -> Result<u64, NativeError> {
        py.detach(|| Ok(self.read()?.checksum()))
    }
}
