//! `RankedFeed`: one ranked feed, with the terms of every score.

use feed_rank::{Ranked, terms::UNITS};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Units of a score of one: percent times units of a term.
const SCORE_UNITS: f64 = 1e11;

/// One post's id, affinity, quality, freshness, diversity, negative and score.
type Terms = (i64, f64, f64, f64, f64, f64, f64);

/// One ranked feed; immutable.
#[pyclass(frozen, module = "daira_native")]
#[derive(Debug)]
pub(crate) struct RankedFeed {
    ranked: Vec<Ranked>,
    ids: Py<PyBytes>,
    /// The oldest candidate's id; 0 if no candidate was left out.
    #[pyo3(get)]
    floor_id: i64,
    /// How many posts were ranked.
    #[pyo3(get)]
    candidates: usize,
}

impl RankedFeed {
    pub(crate) fn new(
        py: Python<'_>,
        ranked: Vec<Ranked>,
        packed: &[u8],
        floor_id: i64,
        candidates: usize,
    ) -> Self {
        Self {
            ranked,
            ids: PyBytes::new(py, packed).unbind(),
            floor_id,
            candidates,
        }
    }
}

#[pymethods]
impl RankedFeed {
    /// Packed little-endian int64 post ids, best first.
    #[getter]
    fn ids(&self, py: Python<'_>) -> Py<PyBytes> {
        self.ids.clone_ref(py)
    }

    /// Id, affinity, quality, freshness, diversity, negative and score of `count` posts from
    /// rank `start` on; fewer at the end.
    fn terms(&self, start: usize, count: usize) -> Vec<Terms> {
        let posts = self.ranked.iter().skip(start).take(count);
        posts.map(terms_of).collect()
    }

    fn __len__(&self) -> usize {
        self.ranked.len()
    }
}

#[allow(clippy::cast_precision_loss, reason = "scores are below 2^53 units")]
fn terms_of(post: &Ranked) -> Terms {
    let fraction = |units: u32| f64::from(units) / f64::from(UNITS);
    (
        post.id,
        fraction(post.affinity),
        fraction(post.quality),
        fraction(post.freshness),
        fraction(post.diversity),
        fraction(post.negative),
        post.score as f64 / SCORE_UNITS,
    )
}
