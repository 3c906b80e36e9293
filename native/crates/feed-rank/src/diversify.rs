//! Exact greedy selection with diversity, by lazy evaluation.
//!
//! Posts of one author and one kind form a *group*: whatever is chosen, they gain and lose the
//! same, so their order among themselves never changes and only the first of each group competes.
//! Groups of one kind share the kind's part of diversity, so each kind has a heap ordered by the
//! score without that part. Choosing a post of an author lowers the author's other groups; their
//! entries are left stale, and refreshed only on reaching the top. That is exact because diversity
//! only falls: a stale entry is an upper bound (Minoux, "Accelerated greedy algorithms", 1978).
//!
//! Candidates seen before are a second selection that goes on where the first one ended.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;

use crate::candidate::{Chosen, Ranked};
use crate::heads::{AuthorParts, Entry, Kind, kind_gain, rank_of};
use crate::score::{Scored, weigh};
use crate::terms::kind_diversity;

struct Selection {
    scored: Vec<Scored>,
    weight: u8,
    author_parts: AuthorParts,
    kinds: Vec<Kind>,
    /// The authors of `scored`, ascending; entries have their places in it.
    authors: Vec<u32>,
    chosen_by_author: Vec<u32>,
}

/// Chooses at most `limit` of `scored` greedily, those seen before after all others. `shown` counts
/// as chosen before; `weight` is the percent that diversity counts.
#[must_use]
pub fn diversify(scored: Vec<Scored>, shown: &[Chosen], weight: u8, limit: usize) -> Vec<Ranked> {
    let limit = limit.min(scored.len());
    let (unseen, seen) = tiers(scored);
    let mut chosen = Vec::with_capacity(shown.len() + limit);
    chosen.extend_from_slice(shown);
    let mut ranked = Vec::with_capacity(limit);
    for tier in [unseen, seen] {
        if ranked.len() < limit && !tier.is_empty() {
            Selection::new(&tier, weight, &chosen).run(limit, &mut chosen, &mut ranked);
        }
    }
    ranked
}

/// The candidates that were not seen before, and those that were.
fn tiers(mut scored: Vec<Scored>) -> (Vec<Scored>, Vec<Scored>) {
    let seen_before = scored.iter().filter(|post| post.seen).count();
    let mut seen = Vec::with_capacity(seen_before);
    if seen_before > 0 {
        seen.extend(scored.iter().filter(|post| post.seen).copied());
        scored.retain(|post| !post.seen);
    }
    (scored, seen)
}

/// The candidates group by group, the best of each first.
#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the places are those of the slice, and the key's low half is a place"
)]
fn by_group(scored: &[Scored]) -> Vec<Scored> {
    // Groups are small: small keys are sorted by group, and the posts themselves only within one.
    let mut keys = Vec::with_capacity(scored.len());
    let places = scored.iter().zip(0_u64..);
    keys.extend(
        places.map(|(post, place)| u128::from(post.group()) << u64::BITS | u128::from(place)),
    );
    keys.sort_unstable();
    let mut sorted = Vec::with_capacity(scored.len());
    sorted.extend(keys.iter().map(|&key| scored[key as usize]));
    for group in sorted.chunk_by_mut(|left, right| left.group() == right.group()) {
        group.sort_unstable_by_key(|post| Reverse(rank_of(post.base, post.id)));
    }
    sorted
}

/// The author of the last two chosen, if it was the same: no third may follow while another's waits.
fn pausing(chosen: &[Chosen]) -> Option<u32> {
    match chosen {
        [.., before, last] if before.author == last.author => Some(last.author),
        _ => None,
    }
}

#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "indexes point into vectors of this struct, made from them and never shortened; a feed \
              has far fewer than 2^32 candidates"
)]
impl Selection {
    /// Takes candidates in any order, and what was chosen before them.
    fn new(scored: &[Scored], weight: u8, chosen: &[Chosen]) -> Self {
        let scored = by_group(scored);
        let mut selection = Self {
            kinds: Vec::new(),
            weight,
            author_parts: AuthorParts::new(),
            authors: Vec::with_capacity(scored.len()),
            chosen_by_author: Vec::new(),
            scored,
        };
        selection.count_authors(chosen);
        selection.make_kinds(chosen);
        selection
    }

    fn count_authors(&mut self, chosen: &[Chosen]) {
        self.authors
            .extend(self.scored.iter().map(|post| post.author));
        self.authors.dedup();
        self.chosen_by_author.resize(self.authors.len(), 0);
        for post in chosen {
            if let Ok(place) = self.authors.binary_search(&post.author) {
                self.chosen_by_author[place] += 1;
            }
        }
    }

    fn make_kinds(&mut self, chosen: &[Chosen]) {
        let groups = || {
            self.scored
                .chunk_by(|left, right| left.group() == right.group())
        };
        let mut groups_by_kind = [0_usize; 1 + u8::MAX as usize];
        for group in groups() {
            groups_by_kind[usize::from(group[0].kind)] += 1;
        }
        let mut heads = groups_by_kind.map(Vec::with_capacity);
        let (mut at, mut author) = (0, 0);
        for group in groups() {
            let head = &group[0];
            author += usize::from(self.authors[author] != head.author);
            let chosen = self.chosen_by_author[author];
            heads[usize::from(head.kind)].push(Entry {
                rank: self.author_parts.rank(self.weight, head, chosen),
                at,
                author: author as u32,
                chosen,
            });
            at += group.len() as u32;
        }
        let kinds = (0..=u8::MAX).zip(heads);
        let kinds = kinds.filter(|(_, heads)| !heads.is_empty());
        self.kinds = kinds
            .map(|(kind, heads)| {
                let before = chosen.iter().filter(|post| post.kind == kind).count();
                Kind::new(heads, before as u32, self.weight)
            })
            .collect();
    }

    /// Chooses until `limit` are ranked or none is left.
    fn run(mut self, limit: usize, chosen: &mut Vec<Chosen>, ranked: &mut Vec<Ranked>) {
        while ranked.len() < limit {
            let pausing =
                pausing(chosen).and_then(|author| self.authors.binary_search(&author).ok());
            let Some((at, post)) = self.choose(pausing.map(|place| place as u32)) else {
                break;
            };
            let Scored { author, kind, .. } = self.scored[at];
            chosen.push(Chosen { author, kind });
            ranked.push(post);
        }
    }

    /// Takes the best post whose author need not pause, or the best of all if nobody else waits.
    fn choose(&mut self, pausing: Option<u32>) -> Option<(usize, Ranked)> {
        let Some(author) = pausing else {
            return self.take_best();
        };
        self.pause(author);
        let other = self.take_best();
        self.resume();
        other.or_else(|| self.take_best())
    }

    /// Takes the greatest of the kinds' tops.
    fn take_best(&mut self) -> Option<(usize, Ranked)> {
        let tops = self.kinds.iter().enumerate().filter_map(|(index, kind)| {
            let top = kind.heap.peek()?;
            Some((top.rank + kind.gain, index))
        });
        let (_, best) = tops.max()?;
        self.take(best)
    }

    /// Takes the top of a kind and lets the next of its group compete.
    fn take(&mut self, index: usize) -> Option<(usize, Ranked)> {
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
                    rank: self.author_parts.rank(self.weight, next, *chosen),
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
        kind.gain = kind_gain(self.weight, kind.part);
        let score = post.base + weigh(self.weight, diversity);
        let post = post.ranked(diversity, score);
        self.refresh(index);
        self.refresh_tops_of(author);
        Some((at as usize, post))
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
            top.rank = self.author_parts.rank(self.weight, post, chosen);
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
