//! Exact greedy selection with diversity, by lazy evaluation.
//!
//! Posts of one author and one kind form a *group*: whatever is chosen, they gain and lose the
//! same, so their order among themselves never changes and only the first of each group competes.
//! Groups of one kind share the kind's part of diversity, so each kind has a heap ordered by the
//! score without that part. Choosing a post of an author lowers the author's other groups; their
//! entries are left stale, and refreshed only on reaching the top. That is exact because diversity
//! only falls: a stale entry is an upper bound (Minoux, "Accelerated greedy algorithms", 1978).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::candidate::Ranked;
use crate::score::{Scored, weigh};
use crate::terms::{author_diversity, kind_diversity};

/// Posts of one author that may follow one another while another author's post waits.
const STREAK_MAX: u32 = 2;

/// After this many posts of an author, nothing is left of the author's part: 0.7 / 2^31 rounds to 0.
const AUTHOR_PARTS: usize = 31;

/// A score above an id: compares by score, then by id, in two instructions.
type Rank = i128;

fn rank_of(score: i64, id: i64) -> Rank {
    (Rank::from(score) << i64::BITS) + Rank::from(id)
}

/// The author's part of diversity in units, by posts of the author chosen.
#[derive(Clone, Copy, Debug)]
struct AuthorParts([u32; AUTHOR_PARTS]);

impl AuthorParts {
    fn new() -> Self {
        let chosen = |index| u32::try_from(index).unwrap_or(u32::MAX);
        Self(std::array::from_fn(|index| author_diversity(chosen(index))))
    }

    fn after(&self, chosen: u32) -> u32 {
        self.0.get(chosen as usize).copied().unwrap_or(0)
    }
}

/// A group's best unchosen post as it stood after `chosen` posts of its author.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The score without the kind's part of diversity, and the id.
    rank: Rank,
    /// Where the post stands in the sorted candidates; its group continues there.
    at: u32,
    /// The author's place in `Selection::chosen_by_author`.
    author: u32,
    chosen: u32,
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
struct Kind {
    heap: BinaryHeap<Entry>,
    chosen: u32,
    /// The kind's part of diversity now, in units.
    part: u32,
    /// What it adds to a rank.
    gain: Rank,
    /// The entry of the author who must pause, taken off the heap meanwhile.
    paused: Option<Entry>,
}

struct Selection {
    scored: Vec<Scored>,
    weight: u8,
    author_parts: AuthorParts,
    kinds: Vec<Kind>,
    chosen_by_author: Vec<u32>,
}

/// Chooses at most `limit` of `scored` greedily; `weight` is the percent that diversity counts.
pub(crate) fn diversify(mut scored: Vec<Scored>, weight: u8, limit: usize) -> Vec<Ranked> {
    scored.sort_unstable_by_key(|post| (post.group(), Reverse(rank_of(post.base, post.id))));
    let limit = limit.min(scored.len());
    let mut selection = Selection::new(scored, weight);
    let mut ranked = Vec::with_capacity(limit);
    let mut last_author = u32::MAX;
    let mut streak = 0;
    while ranked.len() < limit {
        let pausing = (streak >= STREAK_MAX).then_some(last_author);
        let Some((author, post)) = selection.choose(pausing) else {
            break;
        };
        streak = if author == last_author { streak + 1 } else { 1 };
        last_author = author;
        ranked.push(post);
    }
    ranked
}

#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "indexes point into vectors of this struct, made from them and never shortened; a feed \
              has far fewer than 2^32 candidates"
)]
impl Selection {
    /// Takes candidates sorted by group, the best of each group first.
    fn new(scored: Vec<Scored>, weight: u8) -> Self {
        let author_parts = AuthorParts::new();
        let first = weigh(weight, author_parts.after(0));
        let groups = || scored.chunk_by(|left, right| left.group() == right.group());
        let mut groups_by_kind = [0_usize; 1 + u8::MAX as usize];
        for group in groups() {
            groups_by_kind[usize::from(group[0].kind)] += 1;
        }
        let mut heads = groups_by_kind.map(Vec::with_capacity);
        let mut chosen_by_author = Vec::with_capacity(scored.len());
        let mut at = 0;
        let mut before = None;
        for group in groups() {
            let head = &group[0];
            if before != Some(head.author) {
                chosen_by_author.push(0);
                before = Some(head.author);
            }
            heads[usize::from(head.kind)].push(Entry {
                rank: rank_of(head.base + first, head.id),
                at,
                author: chosen_by_author.len() as u32 - 1,
                chosen: 0,
            });
            at += group.len() as u32;
        }
        let kinds = heads.into_iter().filter(|heads| !heads.is_empty());
        let kinds = kinds.map(|heads| Kind {
            heap: BinaryHeap::from(heads),
            chosen: 0,
            part: kind_diversity(0),
            gain: rank_of(weigh(weight, kind_diversity(0)), 0),
            paused: None,
        });
        Self {
            kinds: kinds.collect(),
            scored,
            weight,
            author_parts,
            chosen_by_author,
        }
    }

    /// Takes the best post whose author need not pause, or the best of all if nobody else waits.
    fn choose(&mut self, pausing: Option<u32>) -> Option<(u32, Ranked)> {
        let Some(author) = pausing else {
            return self.take_best();
        };
        self.pause(author);
        let other = self.take_best();
        self.resume();
        other.or_else(|| self.take_best())
    }

    /// Takes the greatest of the kinds' tops.
    fn take_best(&mut self) -> Option<(u32, Ranked)> {
        let tops = self.kinds.iter().enumerate().filter_map(|(index, kind)| {
            let top = kind.heap.peek()?;
            Some((top.rank + kind.gain, index))
        });
        let (_, best) = tops.max()?;
        let (author, post) = self.take(best)?;
        self.refresh_tops_of(author);
        Some((author, post))
    }

    /// Takes the top of a kind and lets the next of its group compete.
    fn take(&mut self, index: usize) -> Option<(u32, Ranked)> {
        let kind = &mut self.kinds[index];
        let mut top = kind.heap.peek_mut()?;
        let Entry { at, author, .. } = *top;
        let post = &self.scored[at as usize];
        let chosen = &mut self.chosen_by_author[author as usize];
        let diversity = self.author_parts.after(*chosen) + kind.part;
        *chosen += 1;
        match self.scored.get(at as usize + 1) {
            Some(next) if next.group() == post.group() => {
                *top = Entry {
                    rank: rank_of(
                        next.base + weigh(self.weight, self.author_parts.after(*chosen)),
                        next.id,
                    ),
                    at: at + 1,
                    author,
                    chosen: *chosen,
                };
                drop(top);
            }
            _ => {
                PeekMut::pop(top);
            }
        }
        kind.chosen += 1;
        kind.part = kind_diversity(kind.chosen);
        kind.gain = rank_of(weigh(self.weight, kind.part), 0);
        let score = post.base + weigh(self.weight, diversity);
        let post = post.ranked(diversity, score);
        self.refresh(index);
        Some((author, post))
    }

    /// Brings the tops up to date that a choice of `author` made stale.
    fn refresh_tops_of(&mut self, author: u32) {
        for index in 0..self.kinds.len() {
            if self.kinds[index]
                .heap
                .peek()
                .is_some_and(|top| top.author == author)
            {
                self.refresh(index);
            }
        }
    }

    /// Brings the top of a kind's heap up to date, until the top is.
    fn refresh(&mut self, kind: usize) {
        let heap = &mut self.kinds[kind].heap;
        while let Some(mut top) = heap.peek_mut() {
            let chosen = self.chosen_by_author[top.author as usize];
            if top.chosen == chosen {
                break;
            }
            let post = &self.scored[top.at as usize];
            top.chosen = chosen;
            top.rank = rank_of(
                post.base + weigh(self.weight, self.author_parts.after(chosen)),
                post.id,
            );
        }
    }

    /// Takes the author's entries out of the running where they lead.
    fn pause(&mut self, author: u32) {
        for index in 0..self.kinds.len() {
            let kind = &mut self.kinds[index];
            let top = kind.heap.peek_mut().filter(|top| top.author == author);
            kind.paused = top.map(PeekMut::pop);
            if kind.paused.is_some() {
                self.refresh(index);
            }
        }
    }

    /// Puts the paused entries back; they are fresh, since their author was not chosen meanwhile.
    fn resume(&mut self) {
        for kind in &mut self.kinds {
            kind.heap.extend(kind.paused.take());
        }
    }
}
