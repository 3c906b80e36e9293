//! Reads of the table: the candidates of a feed, and what other features ask.

use feed_rank::{Affinity, Candidate, DescendingMerge, Eligible, newest_eligible};

use crate::affinities::{self, Entry};
use crate::ids::created_ms;
use crate::posts::PostFeatures;
use crate::table::FeatureTable;

impl FeatureTable {
    /// The newest `cap` live posts at or below `ceiling_id` that `inbox` (ascending ids) names or
    /// `authors` wrote, with their features for `viewer_id`, newest first.
    #[must_use]
    pub fn candidates(
        &self,
        viewer_id: i64,
        inbox: &[i64],
        authors: &[i64],
        ceiling_id: i64,
        cap: usize,
    ) -> Eligible<Candidate> {
        let affinities = self.affinities.of(viewer_id);
        newest_eligible(self.merged(inbox, authors, ceiling_id), cap, |id| {
            self.candidate(viewer_id, affinities, id)
        })
    }

    /// The same posts as [`Self::candidates`], their ids only.
    #[must_use]
    pub fn newest(&self, inbox: &[i64], authors: &[i64], ceiling_id: i64, cap: usize) -> Vec<i64> {
        let live = |id| self.posts.live(id).map(|_| id);
        newest_eligible(self.merged(inbox, authors, ceiling_id), cap, live).kept
    }

    /// A live post's features and its author's followers; none if it is unknown or deleted.
    #[must_use]
    pub fn features(&self, post_id: i64) -> Option<(PostFeatures, u32)> {
        let (record, slot) = self.posts.live(post_id)?;
        let author = self.authors.get(slot)?;
        let features = PostFeatures {
            id: post_id,
            author_id: author.id,
            kind: record.kind,
            likes: record.likes,
            reports: record.reports,
        };
        Some((features, author.followers))
    }

    /// Those of `ids` that the table has never seen, in the order given.
    #[must_use]
    pub fn missing(&self, ids: &[i64]) -> Vec<i64> {
        ids.iter()
            .copied()
            .filter(|&id| self.posts.get(id).is_none())
            .collect()
    }

    /// An author's newest live posts below `before_id`, newest first.
    #[must_use]
    pub fn author_posts(&self, author_id: i64, before_id: i64, limit: usize) -> Vec<i64> {
        let posts = self.authors.posts(author_id);
        let below = posts.partition_point(|&id| id < before_id);
        posts
            .iter()
            .take(below)
            .rev()
            .take(limit)
            .copied()
            .collect()
    }

    /// Who wrote a post, deleted or not.
    #[must_use]
    pub fn author_of(&self, post_id: i64) -> Option<i64> {
        let author = self.authors.get(self.posts.get(post_id)?.author?)?;
        Some(author.id)
    }

    fn merged<'a>(
        &'a self,
        inbox: &'a [i64],
        authors: &'a [i64],
        ceiling_id: i64,
    ) -> DescendingMerge<'a> {
        let by_author = authors
            .iter()
            .map(|&author_id| self.authors.posts(author_id));
        DescendingMerge::new(by_author.chain([inbox]), ceiling_id)
    }

    fn candidate(&self, viewer_id: i64, affinities: &[Entry], id: i64) -> Option<Candidate> {
        let (record, slot) = self.posts.live(id)?;
        let author = self.authors.get(slot)?;
        let affinity = if author.id == viewer_id {
            Affinity::Own
        } else {
            affinities::find(affinities, slot)
        };
        Some(Candidate {
            id,
            created_ms: created_ms(id),
            affinity,
            author: slot.get(),
            likes: record.likes,
            reports: record.reports,
            followers: author.followers,
            kind: record.kind,
        })
    }
}
