//! `FeatureTable`, the feeds it gives: one call each, without the interpreter.

use feature_table::{Ranking, Sources};
use pyo3::prelude::*;

use crate::error::NativeError;
use crate::feed::RankedFeed;
use crate::ids::{inbox_run, int_ids, packed_ids};
use crate::table::FeatureTable;

/// Nothing shown yet, nothing seen.
const NOTHING: &[u8] = &[];

#[pymethods]
impl FeatureTable {
    /// Rank the newest `candidate_cap` posts of the inbox and the authors that the viewer may see.
    ///
    /// `inbox` holds decimal ids as Redis returns them (those at or below 0 are ignored), in any
    /// order and with repeats. Posts outside `floor_id` to `ceiling_id` do not count. `shown` (i64)
    /// are the candidates of earlier pages in their order, `seen` a filter as `seen_build` makes it.
    #[pyo3(signature = (viewer_id, inbox, authors, now_ms, *, floor_id=0, ceiling_id, shown=NOTHING, seen=NOTHING,
        candidate_cap=800, limit))]
    fn rank(
        &self,
        py: Python<'_>,
        viewer_id: i64,
        inbox: &Bound<'_, PyAny>,
        authors: &Bound<'_, PyAny>,
        now_ms: i64,
        floor_id: i64,
        ceiling_id: i64,
        shown: &[u8],
        seen: &[u8],
        candidate_cap: usize,
        limit: usize,
    ) -> PyResult<RankedFeed> {
        let cap = self.limit("candidate_cap", candidate_cap)?;
        let limit = self.limit("limit", limit)?;
        let inbox = inbox_run(inbox, self.max_candidates)?;
        let authors = int_ids("len(authors)", authors, self.max_candidates)?;
        let feed = py.detach(|| {
            let shown = packed_ids("shown", shown, self.max_candidates)?;
            let sources = Sources {
                viewer_id,
                inbox: &inbox,
                authors: &authors,
                floor_id,
                ceiling_id,
                cap,
            };
            let ranking = Ranking {
                settings: &self.rank,
                now_ms,
                shown: &shown,
                seen: |id| seen_filter::contains(seen, id),
                limit,
            };
            Ok::<_, NativeError>(self.read()?.rank(&sources, &ranking))
        })?;
        Ok(RankedFeed::new(feed))
    }

    /// The posts of the same hot window below `before_id`, newest first; without terms.
    #[pyo3(signature = (viewer_id, inbox, authors, *, floor_id=0, ceiling_id, before_id, candidate_cap=800, limit))]
    fn latest(
        &self,
        py: Python<'_>,
        viewer_id: i64,
        inbox: &Bound<'_, PyAny>,
        authors: &Bound<'_, PyAny>,
        floor_id: i64,
        ceiling_id: i64,
        before_id: i64,
        candidate_cap: usize,
        limit: usize,
    ) -> PyResult<RankedFeed> {
        let cap = self.limit("candidate_cap", candidate_cap)?;
        let limit = self.limit("limit", limit)?;
        let inbox = inbox_run(inbox, self.max_candidates)?;
        let authors = int_ids("len(authors)", authors, self.max_candidates)?;
        let feed = py.detach(|| {
            let sources = Sources {
                viewer_id,
                inbox: &inbox,
                authors: &authors,
                floor_id,
                ceiling_id,
                cap,
            };
            Ok::<_, NativeError>(self.read()?.latest(&sources, before_id, limit))
        })?;
        Ok(RankedFeed::new(feed))
    }

    /// How many posts newer than `newer_than` a feed would have, the viewer's own not counted; at
    /// most `limit`.
    #[pyo3(signature = (viewer_id, inbox, authors, *, newer_than, limit=100))]
    fn count_newer(
        &self,
        py: Python<'_>,
        viewer_id: i64,
        inbox: &Bound<'_, PyAny>,
        authors: &Bound<'_, PyAny>,
        newer_than: i64,
        limit: usize,
    ) -> PyResult<usize> {
        let limit = self.limit("limit", limit)?;
        let inbox = inbox_run(inbox, self.max_candidates)?;
        let authors = int_ids("len(authors)", authors, self.max_candidates)?;
        let count = py.detach(|| {
            let sources = Sources {
                viewer_id,
                inbox: &inbox,
                authors: &authors,
                floor_id: newer_than.saturating_add(1),
                ceiling_id: i64::MAX,
                cap: limit,
            };
            Ok::<_, NativeError>(self.read()?.count(&sources, limit))
        })?;
        Ok(count)
    }

    /// The newest live posts of the sources below `before_id`, whoever may see them, newest first.
    #[pyo3(signature = (inbox, authors, *, before_id, limit))]
    fn newest(
        &self,
        py: Python<'_>,
        inbox: &Bound<'_, PyAny>,
        authors: &Bound<'_, PyAny>,
        before_id: i64,
        limit: usize,
    ) -> PyResult<Vec<i64>> {
        let limit = self.limit("limit", limit)?;
        let inbox = inbox_run(inbox, self.max_candidates)?;
        let authors = int_ids("len(authors)", authors, self.max_candidates)?;
        let newest = py.detach(|| {
            let table = self.read()?;
            Ok::<_, NativeError>(table.newest(&inbox, &authors, before_id, limit))
        })?;
        Ok(newest)
    }
}
