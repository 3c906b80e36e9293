//! How much a table holds.

use crate::table::FeatureTable;

/// Counts and bytes of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Posts known, the deleted ones included.
    pub posts: usize,
    /// Deleted posts among them.
    pub deleted: usize,
    /// Authors known.
    pub authors: usize,
    /// Pairs of viewer and author with an affinity.
    pub affinities: usize,
    /// Pairs of viewer and other person with a block or mute between them.
    pub relations: usize,
    /// Pairs of viewer and post that the viewer reported.
    pub viewer_reports: usize,
    /// Bytes allocated for everything.
    pub bytes: usize,
    /// Bytes allocated for posts and the indexes that grow with them.
    pub post_bytes: usize,
    /// The newest id ever evicted, zero if none: at or below it posts may be missing.
    pub evicted_to: i64,
}

impl FeatureTable {
    /// Counts and bytes; walks authors and viewers, so not for every request.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let post_bytes = self.posts.bytes() + self.authors.index_bytes();
        Stats {
            posts: self.posts.len(),
            deleted: self.posts.deleted(),
            authors: self.authors.len(),
            affinities: self.affinities.len(),
            relations: self.relations.len(),
            viewer_reports: self.viewer_reports.len(),
            bytes: post_bytes
                + self.authors.bytes()
                + self.affinities.bytes()
                + self.relations.bytes()
                + self.viewer_reports.bytes(),
            post_bytes,
            evicted_to: self.posts.evicted_to(),
        }
    }
}
