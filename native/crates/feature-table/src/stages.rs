//! How long each stage of a feed takes.

use std::time::Instant;

/// Nanoseconds of each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nanoseconds {
    /// Merging the sources.
    pub merge: u64,
    /// Hard filters, duplicates, the window.
    pub filter: u64,
    /// Features of the candidates, and which were seen before.
    pub features: u64,
    /// Terms and scores.
    pub score: u64,
    /// Choosing.
    pub diversify: u64,
}

/// A stop watch that is read between stages.
#[derive(Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Adds the time since the last lap to a stage.
    pub(crate) fn lap(&mut self, stage: &mut u64) {
        let now = Instant::now();
        let spent = now.duration_since(self.0).as_nanos();
        *stage = stage.saturating_add(u64::try_from(spent).unwrap_or(u64::MAX));
        self.0 = now;
    }
}
