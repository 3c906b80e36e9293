//! What a feed is asked with.

use feed_rank::{DescendingMerge, Merged, RankSettings, Run};

use crate::feed::source;
use crate::table::FeatureTable;

/// Whose feed, out of which posts.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Who reads.
    pub viewer_id: i64,
    /// Ids that were written to the viewer's inbox, ascending.
    pub inbox: &'a [i64],
    /// Authors whose posts are taken from the table.
    pub authors: &'a [i64],
    /// Older posts do not count, whatever their source.
    pub floor_id: i64,
    /// Newer posts do not count.
    pub ceiling_id: i64,
    /// How many different posts the hot window holds.
    pub cap: usize,
}

/// How the posts of the hot window are ranked.
#[derive(Clone, Copy, Debug)]
pub struct Ranking<'a, S> {
    /// Weights and half-lives.
    pub settings: &'a RankSettings,
    /// Unix milliseconds that the feed is as of.
    pub now_ms: i64,
    /// Candidates of earlier pages of the same scroll, in the order they were shown in.
    pub shown: &'a [i64],
    /// Whether the viewer was shown a post before, in whatever scroll.
    pub seen: S,
    /// How many to choose.
    pub limit: usize,
}

impl FeatureTable {
    /// Everything the sources have from floor to ceiling.
    pub(crate) fn merged<'a>(&'a self, sources: &Sources<'a>) -> DescendingMerge<'a> {
        let by_author = sources.authors.iter().map(|&author_id| Run {
            ids: self.authors.posts(author_id),
            source: source::AUTHOR,
        });
        let inbox = Run {
            ids: sources.inbox,
            source: source::INBOX,
        };
        DescendingMerge::new(
            by_author.chain([inbox]),
            sources.floor_id,
            sources.ceiling_id,
        )
    }
}

/// Reads a merge by the batch, so that each stage works on many posts at a time.
pub(crate) fn next_batch(merge: &mut DescendingMerge<'_>, batch: &mut Vec<Merged>, size: usize) {
    batch.clear();
    batch.extend(merge.take(size));
}
