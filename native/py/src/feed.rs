//! `RankedFeed`: one page of a feed, with the terms of every score.

use feature_table::{Dropped, Feed, Nanoseconds};
use feed_rank::{Ranked, terms::UNITS};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// Units of a score of one: percent times units of a term.
const SCORE_UNITS: f64 = 1e11;

/// One post's id, affinity, quality, freshness, diversity, negative and score.
type Terms = (i64, f64, f64, f64, f64, f64, f64);

/// One page of a feed; immutable.
#[pyclass(frozen, module = "daira_native")]
#[derive(Debug)]
pub(crate) struct RankedFeed {
    feed: Feed,
}

impl RankedFeed {
    pub(crate) fn new(feed: Feed) -> Self {
        Self { feed }
    }

    fn packed(&self, py: Python<'_>, id: impl Fn(&feature_table::Item) -> i64) -> Py<PyBytes> {
        let ids = self.feed.items.iter().map(|item| id(item).to_le_bytes());
        let packed: Vec<u8> = ids.flatten().collect();
        PyBytes::new(py, &packed).unbind()
    }
}

#[pymethods]
impl RankedFeed {
    /// Packed little-endian int64 ids of the candidates (posts and reposts), best first.
    #[getter]
    fn ids(&self, py: Python<'_>) -> Py<PyBytes> {
        self.packed(py, |item| item.id)
    }

    /// The ids of the posts to show, packed alike: of a repost the post that it passes on.
    #[getter]
    fn originals(&self, py: Python<'_>) -> Py<PyBytes> {
        self.packed(py, |item| item.original_id)
    }

    /// A byte per post: 1 the inbox has it, 2 it is of one of the authors, 4 the viewer's own.
    #[getter]
    fn sources(&self, py: Python<'_>) -> Py<PyBytes> {
        let sources: Vec<u8> = self.feed.items.iter().map(|item| item.sources).collect();
        PyBytes::new(py, &sources).unbind()
    }

    /// Below this id the hot window has nothing: the archive goes on there. 0 when all is in it.
    #[getter]
    fn window_floor(&self) -> i64 {
        self.feed.window_floor
    }

    /// The newest candidate of the hot window, shown on an earlier page or not; 0 when it is empty.
    #[getter]
    fn newest_id(&self) -> i64 {
        self.feed.newest_id
    }

    /// How many candidates were not seen before: from that rank on the viewer knows the posts.
    #[getter]
    fn seen_from(&self) -> usize {
        self.feed.seen_from
    }

    /// How many posts of the hot window were not shown on earlier pages.
    #[getter]
    fn candidates(&self) -> usize {
        self.feed.candidates
    }

    /// How many candidates are not in the feed and why: `unknown`, `deleted`, `hidden`, `reported`,
    /// `private`, `duplicate`, `capped`, `shown`; and `seen`, which come after all others.
    #[getter]
    fn dropped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Dropped {
            unknown,
            deleted,
            hidden,
            reported,
            private,
            duplicate,
            capped,
            shown,
            seen,
        } = self.feed.dropped;
        let dict = PyDict::new(py);
        dict.set_item("unknown", unknown)?;
        dict.set_item("deleted", deleted)?;
        dict.set_item("hidden", hidden)?;
        dict.set_item("reported", reported)?;
        dict.set_item("private", private)?;
        dict.set_item("duplicate", duplicate)?;
        dict.set_item("capped", capped)?;
        dict.set_item("shown", shown)?;
        dict.set_item("seen", seen)?;
        Ok(dict)
    }

    /// How long each stage took: `merge`, `filter`, `features`, `score`, `diversify`.
    #[getter]
    fn nanoseconds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Nanoseconds {
            merge,
            filter,
            features,
            score,
            diversify,
        } = self.feed.nanoseconds;
        let dict = PyDict::new(py);
        dict.set_item("merge", merge)?;
        dict.set_item("filter", filter)?;
        dict.set_item("features", features)?;
        dict.set_item("score", score)?;
        dict.set_item("diversify", diversify)?;
        Ok(dict)
    }

    /// Id, affinity, quality, freshness, diversity, negative and score of `count` posts from
    /// rank `start` on; fewer at the end, none of a feed that is not ranked.
    fn terms(&self, start: usize, count: usize) -> Vec<Terms> {
        let posts = self.feed.ranked.iter().skip(start).take(count);
        posts.map(terms_of).collect()
    }

    fn __len__(&self) -> usize {
        self.feed.items.len()
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
