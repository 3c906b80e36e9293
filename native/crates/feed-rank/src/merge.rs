//! A k-way merge of sorted id runs, newest first, each id once.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// A run of ids to merge, and a mark that tells where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Ids in *ascending* order: posts of an author are appended as they come, so no copy is made.
    pub ids: &'a [i64],
    /// One bit; an id of several runs has the bits of all.
    pub source: u8,
}

/// An id with the bits of all runs that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The id.
    pub id: i64,
    /// Where it comes from.
    pub sources: u8,
    /// How often runs have it.
    pub copies: u32,
}

/// The newest unread id of one run, and what is left of the run below it.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    id: i64,
    source: u8,
    rest: &'a [i64],
}

impl<'a> Head<'a> {
    fn of(run: &'a [i64], source: u8) -> Option<Self> {
        let (&id, rest) = run.split_last()?;
        Some(Self { id, source, rest })
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Head<'_> {}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

/// Iterates the union of runs in descending order without duplicates.
///
/// Runs are read from their ends. O(log k) an id, O(k log n) to begin.
#[derive(Debug)]
pub struct DescendingMerge<'a> {
    heads: BinaryHeap<Head<'a>>,
}

impl<'a> DescendingMerge<'a> {
    /// Merges what `runs` hold from `floor` to `ceiling`, both included.
    pub fn new(runs: impl IntoIterator<Item = Run<'a>>, floor: i64, ceiling: i64) -> Self {
        let runs = runs.into_iter();
        let mut heads = Vec::with_capacity(runs.size_hint().0);
        heads.extend(runs.filter_map(|run| {
            let below = run.ids.partition_point(|&id| id < floor);
            let upto = run.ids.partition_point(|&id| id <= ceiling);
            Head::of(run.ids.get(below..upto)?, run.source)
        }));
        Self {
            heads: BinaryHeap::from(heads),
        }
    }

    /// Ids not read yet, counted as often as runs have them.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.heads.iter().map(|head| 1 + head.rest.len()).sum()
    }

    /// Takes the newest id off its run, if it is `id` or any will do.
    fn take(&mut self, id: Option<i64>) -> Option<Merged> {
        let mut head = self.heads.peek_mut()?;
        if id.is_some_and(|id| id != head.id) {
            return None;
        }
        let Head { id, source, .. } = *head;
        match Head::of(head.rest, source) {
            Some(next) => *head = next,
            None => {
                PeekMut::pop(head);
            }
        }
        Some(Merged {
            id,
            sources: source,
            copies: 1,
        })
    }
}

impl Iterator for DescendingMerge<'_> {
    type Item = Merged;

    fn next(&mut self) -> Option<Merged> {
        let mut newest = self.take(None)?;
        while let Some(same) = self.take(Some(newest.id)) {
            newest.sources |= same.sources;
            newest.copies += 1;
        }
        Some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(runs: &[&[i64]], floor: i64, ceiling: i64) -> Vec<i64> {
        let runs = runs.iter().map(|ids| Run { ids, source: 1 });
        let ids = DescendingMerge::new(runs, floor, ceiling).map(|merged| merged.id);
        ids.collect()
    }

    #[test]
    fn merges_newest_first_and_each_id_once() {
        assert_eq!(
            merged(&[&[1, 3, 5], &[2, 3, 3, 6], &[]], 0, i64::MAX),
            [6, 5, 3, 2, 1]
        );
    }

    #[test]
    fn keeps_to_floor_and_ceiling() {
        assert_eq!(merged(&[&[1, 3, 5], &[4, 6]], 0, 4), [4, 3, 1]);
        assert_eq!(merged(&[&[1, 3, 5], &[4, 6]], 3, 5), [5, 4, 3]);
        assert_eq!(merged(&[&[5]], 0, 4), Vec::<i64>::new());
        assert_eq!(merged(&[&[5]], 6, 4), Vec::<i64>::new());
        assert_eq!(merged(&[], 0, 4), Vec::<i64>::new());
    }

    #[test]
    fn tells_all_sources_and_what_is_left() {
        let run = |ids, source| Run { ids, source };
        let runs = [run(&[1, 2, 3], 1), run(&[2, 3], 2), run(&[3, 4], 4)];
        let mut merge = DescendingMerge::new(runs, 0, 3);
        assert_eq!(merge.unread(), 6);
        let merged = |id, sources, copies| {
            Some(Merged {
                id,
                sources,
                copies,
            })
        };
        assert_eq!(merge.next(), merged(3, 7, 3));
        assert_eq!(merge.unread(), 3);
        assert_eq!(merge.next(), merged(2, 3, 2));
        assert_eq!(merge.next(), merged(1, 1, 1));
        assert_eq!((merge.next(), merge.unread()), (None, 0));
    }
}
