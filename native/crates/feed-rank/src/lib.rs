//! Ranks a home feed without I/O: merge, window, terms, score, diversify.
//!
//! The same ranking is written naively in `tests/oracles/` of the repository; property tests hold
//! the two equal. All scores are integers, so the order is total and the same on every machine.

mod candidate;
mod diversify;
mod heads;
mod merge;
mod rank;
mod score;
mod settings;
pub mod terms;
mod window;

pub use candidate::{Affinity, Candidate, Chosen, Counters, Ranked};
pub use diversify::diversify;
pub use merge::{DescendingMerge, Merged, Run};
pub use rank::rank;
pub use score::{Scored, score};
pub use settings::{RankSettings, SettingsError, Weights};
pub use window::{Eligible, Window};
