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

/// A group's best unchosen post as it stood after `chosen` posts of its author.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Score without the kind's part of diversity.
    key: i64,
    id: i64,
    /// Where the post stands in the sorted candidates; its group continues there.
    at: usize,
    /// The author's place in `Selection::chosen_by_author`.
    author: usize,
    chosen: u32,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
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
        (self.key, self.id).cmp(&(other.key, other.id))
    }
}

/// The groups of one kind.
#[derive(Debug)]
struct Kind {
    chosen: u32,
    /// What the kind's part of diversity adds to a score now.
    gain: i64,
    heap: BinaryHeap<Entry>,
    /// The entry of the author who must pause, taken off the heap meanwhile.
    paused: Option<Entry>,
}

struct Selection {
    scored: Vec<Scored>,
    weight: u8,
    kinds: Vec<Kind>,
    chosen_by_author: Vec<u32>,
}

/// Chooses at most `limit` of `scored` greedily; `weight` is the percent that diversity counts.
pub(crate) fn diversify(mut scored: Vec<Scored>, weight: u8, limit: usize) -> Vec<Ranked> {
    scored.sort_unstable_by_key(|post| (post.author, post.kind, Reverse((post.base, post.id))));
    let limit = limit.min(scored.len());
    let mut selection = Selection::new(scored, weight);
    let mut ranked = Vec::with_capacity(limit);
    let mut last_author = usize::MAX;
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
    reason = "every index here was made from the same vectors a few lines before"
)]
impl Selection {
    fn new(scored: Vec<Scored>, weight: u8) -> Self {
        let mut selection = Self {
            scored,
            weight,
            kinds: Vec::new(),
            chosen_by_author: Vec::new(),
        };
        let first_gain = weigh(weight, author_diversity(0));
        let mut heads: Vec<(u8, Entry)> = Vec::with_capacity(selection.scored.len());
        let mut before: Option<(u32, u8)> = None;
        for (at, post) in selection.scored.iter().enumerate() {
            if before.is_none_or(|(author, _)| author != post.author) {
                selection.chosen_by_author.push(0);
            }
            if before != Some((post.author, post.kind)) {
                let entry = Entry {
                    key: post.base + first_gain,
                    id: post.id,
                    at,
                    author: selection.chosen_by_author.len() - 1,
                    chosen: 0,
                };
                heads.push((post.kind, entry));
            }
            before = Some((post.author, post.kind));
        }
        heads.sort_unstable_by_key(|&(kind, entry)| (kind, entry.at));
        for of_kind in heads.chunk_by(|left, right| left.0 == right.0) {
            selection.kinds.push(Kind {
                chosen: 0,
                gain: weigh(weight, kind_diversity(0)),
                heap: of_kind.iter().map(|&(_, entry)| entry).collect(),
                paused: None,
            });
        }
        selection
    }

    /// Takes the best post whose author need not pause, or the best of all if nobody else waits.
    fn choose(&mut self, pausing: Option<usize>) -> Option<(usize, Ranked)> {
        let Some(author) = pausing else {
            return self.take_best();
        };
        self.pause(author);
        let other = self.take_best();
        self.resume();
        other.or_else(|| self.take_best())
    }

    fn take_best(&mut self) -> Option<(usize, Ranked)> {
        let best = self.best_kind()?;
        self.take(best)
    }

    /// The kind whose best entry scores highest of all, that entry being fresh.
    fn best_kind(&mut self) -> Option<usize> {
        let mut best: Option<(i64, i64, usize)> = None;
        for index in 0..self.kinds.len() {
            self.refresh(index);
            let kind = &self.kinds[index];
            if let Some(entry) = kind.heap.peek() {
                let score = entry.key + kind.gain;
                best = best.max(Some((score, entry.id, index)));
            }
        }
        best.map(|(_, _, index)| index)
    }

    /// Brings the top of a kind's heap up to date, until the top is.
    fn refresh(&mut self, kind: usize) {
        while let Some(mut top) = self.kinds[kind].heap.peek_mut() {
            let chosen = self.chosen_by_author[top.author];
            if top.chosen == chosen {
                break;
            }
            top.chosen = chosen;
            top.key = self.scored[top.at].base + weigh(self.weight, author_diversity(chosen));
        }
    }

    /// Takes the author's entries out of the running where they lead.
    fn pause(&mut self, author: usize) {
        for index in 0..self.kinds.len() {
            self.refresh(index);
            let kind = &mut self.kinds[index];
            if let Some(top) = kind.heap.peek_mut()
                && top.author == author
            {
                kind.paused = Some(PeekMut::pop(top));
            }
        }
    }

    fn resume(&mut self) {
        for kind in &mut self.kinds {
            kind.heap.extend(kind.paused.take());
        }
    }

    /// Takes the top of a kind and lets the next of its group compete.
    fn take(&mut self, index: usize) -> Option<(usize, Ranked)> {
        let kind = &mut self.kinds[index];
        let mut top = kind.heap.peek_mut()?;
        let (at, author) = (top.at, top.author);
        let post = self.scored[at];
        let chosen = &mut self.chosen_by_author[author];
        let diversity = author_diversity(*chosen) + kind_diversity(kind.chosen);
        *chosen += 1;
        match self.scored.get(at + 1) {
            Some(next) if (next.author, next.kind) == (post.author, post.kind) => {
                *top = Entry {
                    key: next.base + weigh(self.weight, author_diversity(*chosen)),
                    id: next.id,
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
        kind.gain = weigh(self.weight, kind_diversity(kind.chosen));
        let score = post.base + weigh(self.weight, diversity);
        Some((author, post.ranked(diversity, score)))
    }
}
