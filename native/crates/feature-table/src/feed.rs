//! A feed from its sources to its order: merge, filter, window, features, score, diversify.

use feed_rank::{Candidate, Chosen, Eligible, Merged, Ranked, Window, diversify, score};

use crate::ids::created_ms;
use crate::request::{Ranking, Sources, next_batch};
use crate::stages::{Nanoseconds, Watch};
use crate::table::FeatureTable;
use crate::visibility::{Refusal, Viewer, Visible};

/// Bits that tell where an item comes from.
pub mod source {
    /// The viewer's inbox has it.
    pub const INBOX: u8 = 1;
    /// It is of one of the authors whose posts are merged.
    pub const AUTHOR: u8 = 2;
    /// The viewer wrote it, or passed it on.
    pub const OWN: u8 = 4;
}

/// Smallest batch of posts that the stages hand on, so that a full window costs few rounds.
const BATCH_MIN: usize = 64;

/// One item of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The candidate: a post, or a repost.
    pub id: i64,
    /// The post that is shown: for a repost the one it passes on, else the candidate itself.
    pub original_id: i64,
    /// Bits of [`source`].
    pub sources: u8,
}

/// Posts that are not in the feed, by the first reason found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Never seen by the table, or a repost of such a post.
    pub unknown: usize,
    /// Deleted, or a repost of such a post.
    pub deleted: usize,
    /// Of somebody who is blocked either way or muted, or a repost of theirs.
    pub hidden: usize,
    /// Reported by the viewer, or a repost of it.
    pub reported: usize,
    /// A repost of what is not for everybody.
    pub private: usize,
    /// Another candidate shows the same post.
    pub duplicate: usize,
    /// Entries of the sources below the window; an id of two sources counts twice.
    pub capped: usize,
    /// Shown on an earlier page.
    pub shown: usize,
    /// Not dropped, but after all others: seen before.
    pub seen: usize,
}

/// A page of a feed.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// What is shown, in order.
    pub items: Vec<Item>,
    /// Terms and score of each item; empty in a feed that is not ranked.
    pub ranked: Vec<Ranked>,
    /// Below this id the window has nothing, so that the archive goes on there; 0 when all is in it.
    pub window_floor: i64,
    /// The newest candidate of the window, shown on an earlier page or not; 0 when it is empty.
    pub newest_id: i64,
    /// How many of the candidates were not seen before: from that rank on posts are known.
    pub seen_from: usize,
    /// Posts of the window that were not shown on earlier pages.
    pub candidates: usize,
    /// Posts that are not in the feed, or not at the top of it.
    pub dropped: Dropped,
    /// How long each stage took.
    pub nanoseconds: Nanoseconds,
}

/// A candidate of the window.
type Hot<'a> = Eligible<(Visible<'a>, u8)>;

impl FeatureTable {
    /// Ranks the newest posts of the sources that the viewer may see, as of a moment.
    ///
    /// Posts of earlier pages are taken out and count for diversity and rows as chosen; those seen
    /// before come after all others, the viewer's own excepted. See [`feed_rank::rank`] for the order.
    #[must_use]
    pub fn rank(&self, sources: &Sources<'_>, ranking: &Ranking<'_, impl Fn(i64) -> bool>) -> Feed {
        let mut watch = Watch::start();
        let mut feed = Feed::default();
        let viewer = self.viewer(sources.viewer_id);
        let mut window = self.window(&viewer, sources, &mut feed, &mut watch);
        feed.newest_id = window.first().map_or(0, |hot| hot.id);
        self.take_out_shown(&mut window, ranking.shown, &mut feed.dropped);
        let candidates: Vec<Candidate> = window
            .iter()
            .map(|hot| candidate(&viewer, hot, &ranking.seen))
            .collect();
        feed.candidates = candidates.len();
        feed.dropped.seen = candidates.iter().filter(|post| post.seen).count();
        feed.seen_from = feed.candidates - feed.dropped.seen;
        let shown = self.chosen(ranking.shown);
        watch.lap(&mut feed.nanoseconds.features);
        let scored = score(&candidates, ranking.settings, ranking.now_ms);
        watch.lap(&mut feed.nanoseconds.score);
        let weight = ranking.settings.weights().diversity;
        feed.ranked = diversify(scored, &shown, weight, ranking.limit);
        let places = feed.ranked.iter().map(|post| post.place as usize);
        let chosen = places.filter_map(|place| window.get(place));
        feed.items = Vec::with_capacity(feed.ranked.len());
        feed.items.extend(chosen.map(|hot| item(&viewer, hot)));
        watch.lap(&mut feed.nanoseconds.diversify);
        feed
    }

    /// The same posts below `before_id`, newest first.
    #[must_use]
    pub fn latest(&self, sources: &Sources<'_>, before_id: i64, limit: usize) -> Feed {
        let mut watch = Watch::start();
        let mut feed = Feed::default();
        let viewer = self.viewer(sources.viewer_id);
        let window = self.window(&viewer, sources, &mut feed, &mut watch);
        feed.newest_id = window.first().map_or(0, |hot| hot.id);
        feed.candidates = window.len();
        feed.seen_from = window.len();
        let below = window.iter().filter(|hot| hot.id < before_id);
        feed.items = below.take(limit).map(|hot| item(&viewer, hot)).collect();
        feed
    }

    /// How many posts of others a feed of the sources would have, at most `limit`.
    #[must_use]
    pub fn count(&self, sources: &Sources<'_>, limit: usize) -> usize {
        let viewer = self.viewer(sources.viewer_id);
        let mut window = Window::new(limit);
        for merged in self.merged(sources) {
            let Ok(visible) = self.visible(&viewer, self.posts.get(merged.id)) else {
                continue;
            };
            if !viewer.is(visible.author) {
                window.offer(eligible(visible, ()));
            }
            if window.len() == limit {
                break;
            }
        }
        window.len()
    }

    /// The hot window, newest first.
    fn window<'a>(
        &'a self,
        viewer: &Viewer<'_>,
        sources: &Sources<'a>,
        feed: &mut Feed,
        watch: &mut Watch,
    ) -> Vec<Hot<'a>> {
        let Feed {
            dropped,
            nanoseconds,
            window_floor,
            ..
        } = feed;
        let mut window = Window::new(sources.cap);
        let mut batch: Vec<Merged> = Vec::with_capacity(sources.cap + BATCH_MIN);
        let mut records = Vec::with_capacity(sources.cap + BATCH_MIN);
        let mut merge = self.merged(sources);
        let mut unread = merge.unread();
        *window_floor = sources.floor_id;
        let mut is_open = true;
        while is_open {
            // One more than fit, to learn whether the window leaves anything out.
            let wanted = sources.cap - window.len() + 1;
            next_batch(&mut merge, &mut batch, wanted.max(BATCH_MIN));
            watch.lap(&mut nanoseconds.merge);
            is_open = !batch.is_empty();
            // In a loop of their own, so that the processor waits for many records at a time.
            records.clear();
            records.extend(batch.iter().map(|merged| self.posts.get(merged.id)));
            for (merged, &record) in batch.iter().zip(&records) {
                match self.visible(viewer, record) {
                    Err(refusal) => dropped.count(refusal),
                    Ok(visible) => {
                        if !window.offer(eligible(visible, merged.sources)) {
                            is_open = false;
                            *window_floor = window.floor();
                            dropped.capped = unread;
                            break;
                        }
                    }
                }
                unread -= merged.copies as usize;
            }
            watch.lap(&mut nanoseconds.filter);
        }
        dropped.duplicate = window.duplicates();
        let mut candidates = Vec::with_capacity(window.len());
        candidates.extend(window.into_candidates());
        candidates
    }

    /// Takes out what shows a post that was shown already.
    fn take_out_shown(&self, window: &mut Vec<Hot<'_>>, shown: &[i64], dropped: &mut Dropped) {
        let original_of = |&id: &i64| self.posts.get(id).map(|record| record.original_id);
        let mut gone = Vec::with_capacity(2 * shown.len());
        gone.extend_from_slice(shown);
        gone.extend(shown.iter().filter_map(original_of));
        gone.sort_unstable();
        let before = window.len();
        window.retain(|hot| gone.binary_search(&hot.original_id).is_err());
        dropped.shown = before - window.len();
    }

    /// What diversity remembers of candidates; those that the table does not know leave no trace.
    fn chosen(&self, ids: &[i64]) -> Vec<Chosen> {
        let records = ids.iter().filter_map(|&id| self.posts.get(id));
        let mut chosen = Vec::with_capacity(ids.len());
        chosen.extend(records.filter_map(|record| {
            Some(Chosen {
                author: record.author?.get(),
                kind: record.kind,
            })
        }));
        chosen
    }
}

impl Dropped {
    fn count(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Unknown => &mut self.unknown,
            Refusal::Deleted => &mut self.deleted,
            Refusal::Hidden => &mut self.hidden,
            Refusal::Reported => &mut self.reported,
            Refusal::Private => &mut self.private,
        };
        *counter += 1;
    }
}

fn eligible<T>(visible: Visible<'_>, more: T) -> Eligible<(Visible<'_>, T)> {
    Eligible {
        id: visible.record.id,
        original_id: visible.original.id,
        post: (visible, more),
    }
}

fn candidate(viewer: &Viewer<'_>, hot: &Hot<'_>, seen: impl Fn(i64) -> bool) -> Candidate {
    let (visible, _) = hot.post;
    let is_own = viewer.is(visible.author) || viewer.is(visible.original_author);
    Candidate {
        id: hot.id,
        created_ms: created_ms(hot.id),
        affinity: viewer.affinity_with(visible.author),
        counters: visible.original.counters,
        author: visible.author.get(),
        spam: visible.original.spam,
        kind: visible.record.kind,
        seen: !is_own && seen(hot.original_id),
    }
}

fn item(viewer: &Viewer<'_>, hot: &Hot<'_>) -> Item {
    let (visible, sources) = hot.post;
    let is_own = viewer.is(visible.author);
    Item {
        id: hot.id,
        original_id: hot.original_id,
        sources: if is_own {
            sources | source::OWN
        } else {
            sources
        },
    }
}
