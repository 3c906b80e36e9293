//! The whole ranking of one feed's candidates.

use crate::candidate::{Candidate, Chosen, Ranked};
use crate::diversify::diversify;
use crate::score::score;
use crate::settings::RankSettings;

/// Orders `candidates` (each id once) as `now_ms` sees them and returns the first `limit`.
///
/// The order is the greedy one: each step takes the candidate with the greatest score given those
/// taken before, the greater id on a tie, and never a third post in a row of one author while
/// another author's post waits. Those seen before come after all others; `shown` is what the reader
/// had on earlier pages, oldest first, and counts as taken before.
#[must_use]
pub fn rank(
    candidates: &[Candidate],
    shown: &[Chosen],
    settings: &RankSettings,
    now_ms: i64,
    limit: usize,
) -> Vec<Ranked> {
    let scored = score(candidates, settings, now_ms);
    diversify(scored, shown, settings.weights().diversity, limit)
}
