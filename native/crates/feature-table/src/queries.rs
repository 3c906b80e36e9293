//! What others than feeds ask the table.

use crate::posts::PostFeatures;
use crate::request::Sources;
use crate::table::FeatureTable;

impl FeatureTable {
    /// The newest live posts of the sources below `before_id`, whoever may see them, newest first.
    #[must_use]
    pub fn newest(&self, inbox: &[i64], authors: &[i64], before_id: i64, limit: usize) -> Vec<i64> {
        let sources = Sources {
            viewer_id: 0,
            inbox,
            authors,
            floor_id: i64::MIN,
            ceiling_id: before_id.saturating_sub(1),
            cap: limit,
        };
        let ids = self.merged(&sources).map(|merged| merged.id);
        let is_live = |id: &i64| self.posts.get(*id).is_some_and(|record| !record.deleted);
        ids.filter(is_live).take(limit).collect()
    }

    /// A live post's features and its author's followers; none if it is unknown or deleted.
    #[must_use]
    pub fn features(&self, post_id: i64) -> Option<(PostFeatures, u32)> {
        let record = self.posts.get(post_id).filter(|record| !record.deleted)?;
        let author = self.authors.get(record.author?)?;
        let features = PostFeatures {
            id: post_id,
            author_id: author.id,
            original_id: if record.is_repost() {
                record.original_id
            } else {
                0
            },
            counters: record.counters,
            kind: record.kind,
            spam: record.spam,
        };
        Some((features, author.followers))
    }

    /// Those of `ids` that the table has never seen, in the order given; of known reposts the
    /// original where it has never seen that.
    #[must_use]
    pub fn missing(&self, ids: &[i64]) -> Vec<i64> {
        let unseen = |&id: &i64| match self.posts.get(id) {
            None => Some(id),
            Some(post) if !post.is_repost() || post.deleted => None,
            Some(repost) if self.posts.get(repost.original_id).is_some() => None,
            Some(repost) => Some(repost.original_id),
        };
        ids.iter().filter_map(unseen).collect()
    }

    /// An author's newest live posts below `before_id`, newest first; reposts are not among them.
    #[must_use]
    pub fn author_posts(&self, author_id: i64, before_id: i64, limit: usize) -> Vec<i64> {
        let ids = self.authors.posts(author_id);
        let below = ids.partition_point(|&id| id < before_id);
        let newest_first = ids.iter().take(below).rev().copied();
        let is_post = |&id: &i64| self.posts.get(id).is_some_and(|record| !record.is_repost());
        newest_first.filter(is_post).take(limit).collect()
    }

    /// Who wrote a post, deleted or not.
    #[must_use]
    pub fn author_of(&self, post_id: i64) -> Option<i64> {
        let author = self.authors.get(self.posts.get(post_id)?.author?)?;
        Some(author.id)
    }

    /// Everybody whose posts the viewer's feed has nothing of.
    #[must_use]
    pub fn hidden_authors(&self, viewer_id: i64) -> Vec<i64> {
        let relations = self.relations.of(viewer_id).iter();
        let authors = relations.filter_map(|relation| self.authors.get(relation.other));
        authors.map(|author| author.id).collect()
    }

    /// The newest posts that the viewer reported, ascending.
    #[must_use]
    pub fn reported_posts(&self, viewer_id: i64) -> &[i64] {
        self.viewer_reports.of(viewer_id)
    }
}
