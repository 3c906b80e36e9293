//! A k-way merge of sorted id runs, newest first, each id once.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The newest unread id of one run, and what is left of the run below it.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    id: i64,
    rest: &'a [i64],
}

impl<'a> Head<'a> {
    fn of(run: &'a [i64]) -> Option<Self> {
        let (&id, rest) = run.split_last()?;
        Some(Self { id, rest })
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
/// A run is a slice in *ascending* order, read from its end: posts of an author are appended as
/// they come, so their index is ascending and needs no copy. O(log k) an id, O(k) to begin.
#[derive(Debug)]
pub struct DescendingMerge<'a> {
    heads: BinaryHeap<Head<'a>>,
    last: Option<i64>,
}

impl<'a> DescendingMerge<'a> {
    /// Merges what `runs` hold at or below `ceiling`.
    pub fn new(runs: impl IntoIterator<Item = &'a [i64]>, ceiling: i64) -> Self {
        let heads: Vec<Head<'a>> = runs
            .into_iter()
            .filter_map(|run| {
                let below = run.partition_point(|&id| id <= ceiling);
                Head::of(run.get(..below)?)
            })
            .collect();
        Self {
            heads: BinaryHeap::from(heads),
            last: None,
        }
    }
}

impl Iterator for DescendingMerge<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        loop {
            let mut head = self.heads.peek_mut()?;
            let id = head.id;
            match Head::of(head.rest) {
                Some(next) => *head = next,
                None => {
                    std::collections::binary_heap::PeekMut::pop(head);
                }
            }
            if self.last != Some(id) {
                self.last = Some(id);
                return Some(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(runs: &[&[i64]], ceiling: i64) -> Vec<i64> {
        DescendingMerge::new(runs.iter().copied(), ceiling).collect()
    }

    #[test]
    fn merges_newest_first_and_each_id_once() {
        assert_eq!(
            merged(&[&[1, 3, 5], &[2, 3, 3, 6], &[]], i64::MAX),
            [6, 5, 3, 2, 1]
        );
    }

    #[test]
    fn starts_at_the_ceiling() {
        assert_eq!(merged(&[&[1, 3, 5], &[4, 6]], 4), [4, 3, 1]);
        assert_eq!(merged(&[&[5]], 4), Vec::<i64>::new());
        assert_eq!(merged(&[], 4), Vec::<i64>::new());
    }
}
