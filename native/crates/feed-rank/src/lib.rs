//! Ranks a home feed without I/O: merge, filter, terms, score, diversify.
//!
//! The same ranking is written naively in `tests/oracles/` of the repository; property tests hold
//! the two equal. All scores are integers, so the order is total and the same on every machine.

mod candidate;
mod diversify;
mod filter;
mod merge;
mod rank;
mod score;
mod settings;
pub mod terms;

pub use candidate::{Affinity, Candidate, Ranked};
pub use filter::{Eligible, newest_eligible};
pub use merge::DescendingMerge;
pub use rank::rank;
pub use settings::{RankSettings, SettingsError, Weights};
