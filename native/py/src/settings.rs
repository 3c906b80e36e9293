//! `RankSettings`: everything a ranking and its table are made with.

use feature_table::TableSettings;
use feed_rank::Weights;
use pyo3::prelude::*;

use crate::error::{NativeError, in_range};

/// Highest bounds that make sense: beyond them a feed or a table would not fit its budget.
const CANDIDATES_MAX: usize = 65_536;
const POSTS_MAX: usize = 100_000_000;
const POSTS_PER_AUTHOR_MAX: usize = 65_536;

/// Weights in integer percent, half-lives in seconds, bounds; `ValueError` if out of range.
#[pyclass(frozen, module = "daira_native")]
#[derive(Debug)]
pub(crate) struct RankSettings {
    pub(crate) rank: feed_rank::RankSettings,
    pub(crate) table: TableSettings,
    pub(crate) max_candidates: usize,
}

#[pymethods]
impl RankSettings {
    #[new]
    #[pyo3(
        text_signature = "(*, weights=(35, 35, 15, 10, 40), freshness_half_life_s=43200.0, \
        affinity_half_life_s=2592000.0, max_candidates=4096, max_posts=2000000, \
        posts_per_author=1000)"
    )]
    #[pyo3(signature = (*, weights=(35, 35, 15, 10, 40), freshness_half_life_s=43_200.0,
        affinity_half_life_s=2_592_000.0, max_candidates=4096, max_posts=2_000_000,
        posts_per_author=1000))]
    fn new(
        weights: (u8, u8, u8, u8, u8),
        freshness_half_life_s: f64,
        affinity_half_life_s: f64,
        max_candidates: usize,
        max_posts: usize,
        posts_per_author: usize,
    ) -> Result<Self, NativeError> {
        let (affinity, quality, freshness, diversity, negative) = weights;
        let weights = Weights {
            affinity,
            quality,
            freshness,
            diversity,
            negative,
        };
        let rank =
            feed_rank::RankSettings::new(weights, freshness_half_life_s, affinity_half_life_s)?;
        let table = TableSettings::new(
            in_range("max_posts", max_posts, 1, POSTS_MAX)?,
            in_range(
                "posts_per_author",
                posts_per_author,
                1,
                POSTS_PER_AUTHOR_MAX,
            )?,
            rank.affinity_half_life_ms(),
        )?;
        let max_candidates = in_range("max_candidates", max_candidates, 1, CANDIDATES_MAX)?;
        Ok(Self {
            rank,
            table,
            max_candidates,
        })
    }
}
