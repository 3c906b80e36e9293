//! The whole ranking of one feed's candidates.

use crate::candidate::{Candidate, Ranked};
use crate::diversify::diversify;
use crate::score::Scored;
use crate::settings::RankSettings;

/// Orders `candidates` (each id once) as `now_ms` sees them and returns the first `limit`.
///
/// The order is the greedy one: each step takes the candidate with the greatest score given those
/// taken before, the greater id on a tie, and never a third post in a row of one author while
/// another author's post waits. O(n log n); a fixed number of allocations, however many candidates.
#[must_use]
pub fn rank(
    candidates: &[Candidate],
    settings: &RankSettings,
    now_ms: i64,
    limit: usize,
) -> Vec<Ranked> {
    let scored = candidates
        .iter()
        .map(|candidate| Scored::new(candidate, settings, now_ms))
        .collect();
    diversify(scored, settings.weights().diversity, limit)
}
