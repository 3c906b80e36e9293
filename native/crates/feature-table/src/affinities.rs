//! Affinities: per viewer, the decayed sum of their interactions with each author.

use std::mem::size_of;

use feed_rank::{Affinity, terms::decay};
use hashbrown::HashMap;

use crate::posts::Slot;

/// Authors remembered per viewer; beyond it the weakest affinity makes way.
const PER_VIEWER_MAX: usize = 2_000;

/// Below this nothing is left of an interaction but rounding.
const WEIGHT_MIN: f64 = 1e-9;

/// One viewer's affinity with one author.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) weight: f64,
    pub(crate) as_of_ms: i64,
    pub(crate) author: Slot,
}

impl Entry {
    /// The logarithm of the weight carried back to the epoch: it orders entries whatever their
    /// `as_of_ms`, and is the same however the same interactions were added up.
    pub(crate) fn log2_at_epoch(&self, half_life_ms: f64) -> f64 {
        self.weight.log2() + self.as_of_ms as f64 / half_life_ms
    }
}

/// Entries of each viewer, sorted by author.
#[derive(Debug, Default)]
pub(crate) struct Affinities {
    by_viewer: HashMap<i64, Vec<Entry>>,
    count: usize,
}

impl Affinities {
    /// All affinities of a viewer, sorted by author.
    pub(crate) fn of(&self, viewer_id: i64) -> &[Entry] {
        self.by_viewer.get(&viewer_id).map_or(&[], Vec::as_slice)
    }

    /// Sets an affinity; a weight of nothing removes it.
    pub(crate) fn set(&mut self, viewer_id: i64, entry: Entry, half_life_ms: f64) {
        let entries = self.by_viewer.entry(viewer_id).or_default();
        let before = entries.len();
        put(entries, entry, half_life_ms);
        self.count = self.count + entries.len() - before;
        if entries.is_empty() {
            self.by_viewer.remove(&viewer_id);
        }
    }

    /// Adds an interaction of `at_ms`, or takes one of then back.
    pub(crate) fn add(
        &mut self,
        viewer_id: i64,
        author: Slot,
        at_ms: i64,
        added: f64,
        half_life_ms: f64,
    ) {
        let Affinity::Interactions { weight, as_of_ms } = find(self.of(viewer_id), author) else {
            return;
        };
        let new = if weight <= 0.0 {
            (added, at_ms)
        } else if at_ms > as_of_ms {
            let aged = weight * decay(at_ms.saturating_sub(as_of_ms), half_life_ms);
            (aged + added, at_ms)
        } else {
            let aged = added * decay(as_of_ms.saturating_sub(at_ms), half_life_ms);
            (weight + aged, as_of_ms)
        };
        let (weight, as_of_ms) = new;
        let entry = Entry {
            weight,
            as_of_ms,
            author,
        };
        self.set(viewer_id, entry, half_life_ms);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        let entries: usize = self.by_viewer.values().map(Vec::capacity).sum();
        self.by_viewer.allocation_size() + entries * size_of::<Entry>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Entry)> {
        self.by_viewer
            .iter()
            .flat_map(|(&viewer_id, entries)| entries.iter().map(move |entry| (viewer_id, entry)))
    }
}

/// The affinity with `author` among a viewer's entries.
pub(crate) fn find(entries: &[Entry], author: Slot) -> Affinity {
    let found = entries.binary_search_by_key(&author, |entry| entry.author);
    match found.ok().and_then(|at| entries.get(at)) {
        Some(entry) => Affinity::Interactions {
            weight: entry.weight,
            as_of_ms: entry.as_of_ms,
        },
        None => Affinity::NONE,
    }
}

fn put(entries: &mut Vec<Entry>, new: Entry, half_life_ms: f64) {
    let kept = new.weight >= WEIGHT_MIN;
    match entries.binary_search_by_key(&new.author, |entry| entry.author) {
        Ok(at) if !kept => {
            entries.remove(at);
        }
        Ok(at) => {
            if let Some(entry) = entries.get_mut(at) {
                *entry = new;
            }
        }
        Err(_) if !kept => {}
        Err(at) => {
            if entries.len() == entries.capacity() {
                entries.reserve_exact(1 + entries.len() / 2);
            }
            entries.insert(at, new);
            if entries.len() > PER_VIEWER_MAX {
                drop_weakest(entries, half_life_ms);
            }
        }
    }
}

fn drop_weakest(entries: &mut Vec<Entry>, half_life_ms: f64) {
    let weakest = entries
        .iter()
        .map(|entry| entry.log2_at_epoch(half_life_ms))
        .enumerate()
        .min_by(|left, right| left.1.total_cmp(&right.1));
    if let Some((at, _)) = weakest {
        entries.remove(at);
    }
}
