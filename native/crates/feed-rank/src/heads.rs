//! What competes in the selection: the first unchosen post of each group, in a heap for each kind.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::score::{Scored, weigh};
use crate::terms::{author_diversity, kind_diversity};

/// After this many posts of an author, nothing is left of the author's part: 0.7 / 2^31 rounds to 0.
const AUTHOR_PARTS: usize = 31;

/// A score above an id: compares by score, then by id, in two instructions.
pub(crate) type Rank = i128;

pub(crate) fn rank_of(score: i64, id: i64) -> Rank {
    (Rank::from(score) << i64::BITS) + Rank::from(id)
}

/// The author's part of diversity in units, by posts of the author chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthorParts([u32; AUTHOR_PARTS]);

impl AuthorParts {
    pub(crate) fn new() -> Self {
        let chosen = |index| u32::try_from(index).unwrap_or(u32::MAX);
        Self(std::array::from_fn(|index| author_diversity(chosen(index))))
    }

    pub(crate) fn after(&self, chosen: u32) -> u32 {
        self.0.get(chosen as usize).copied().unwrap_or(0)
    }

    /// The rank of a post after `chosen` of its author, without the kind's part.
    pub(crate) fn rank(&self, weight: u8, post: &Scored, chosen: u32) -> Rank {
        rank_of(post.base + weigh(weight, self.after(chosen)), post.id)
    }
}

/// A group's best unchosen post as it stood after `chosen` posts of its author.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The score without the kind's part of diversity, and the id.
    pub(crate) rank: Rank,
    /// Where the post stands in the sorted candidates; its group continues there.
    pub(crate) at: u32,
    /// The author's place in `Selection::chosen_by_author`.
    pub(crate) author: u32,
    pub(crate) chosen: u32,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// The groups of one kind. Between steps the top of the heap is fresh.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) heap: BinaryHeap<Entry>,
    pub(crate) chosen: u32,
    /// The kind's part of diversity now, in units.
    pub(crate) part: u32,
    /// What it adds to a rank.
    pub(crate) gain: Rank,
    /// The entry of the author who must pause, taken off the heap meanwhile.
    pub(crate) paused: Option<Entry>,
}

impl Kind {
    pub(crate) fn new(heads: Vec<Entry>, chosen: u32, weight: u8) -> Self {
        let part = kind_diversity(chosen);
        Self {
            heap: BinaryHeap::from(heads),
            chosen,
            part,
            gain: kind_gain(weight, part),
            paused: None,
        }
    }
}

/// What the kind's part of diversity adds to a rank.
pub(crate) fn kind_gain(weight: u8, part: u32) -> Rank {
    rank_of(weigh(weight, part), 0)
}
