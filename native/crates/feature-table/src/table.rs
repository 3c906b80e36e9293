//! The table and its writes: each fact absolute (`set_…`, `upsert_…`) or a change (`add_…`).

use feed_rank::Counters;
use thiserror::Error;

use crate::affinities::{Affinities, Entry};
use crate::authors::Authors;
use crate::posts::{PostFeatures, PostRecord, Posts};
use crate::relations::{RelationBits, Relations};
use crate::viewer_reports::ViewerReports;

/// Why settings were refused.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum TableSettingsError {
    /// A bound that would leave the table empty.
    #[error("max_posts and posts_per_author must be at least 1")]
    Bound,
    /// A half-life that is not a positive, finite number.
    #[error("a half-life must be a positive number, not {0}")]
    HalfLife(f64),
}

/// Bounds of a table, and the half-life its affinities decay with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableSettings {
    max_posts: usize,
    posts_per_author: usize,
    pub(crate) affinity_half_life_ms: f64,
}

impl TableSettings {
    /// Checks and takes the settings.
    ///
    /// # Errors
    /// [`TableSettingsError`] for a bound of zero or a half-life that is not positive and finite.
    pub fn new(
        max_posts: usize,
        posts_per_author: usize,
        affinity_half_life_ms: f64,
    ) -> Result<Self, TableSettingsError> {
        if max_posts == 0 || posts_per_author == 0 {
            return Err(TableSettingsError::Bound);
        }
        if !(affinity_half_life_ms.is_finite() && affinity_half_life_ms > 0.0) {
            return Err(TableSettingsError::HalfLife(affinity_half_life_ms));
        }
        Ok(Self {
            max_posts,
            posts_per_author,
            affinity_half_life_ms,
        })
    }
}

/// Changes of a post's counters; none falls below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterChanges {
    /// Of the likes.
    pub likes: i32,
    /// Of the reposts.
    pub reposts: i32,
    /// Of the openings.
    pub opens: i32,
    /// Of the impressions.
    pub impressions: i32,
    /// Of the reporters' trust.
    pub report_trust: i32,
}

impl CounterChanges {
    fn apply(&self, counters: &mut Counters) {
        for (counter, change) in [
            (&mut counters.likes, self.likes),
            (&mut counters.reposts, self.reposts),
            (&mut counters.opens, self.opens),
            (&mut counters.impressions, self.impressions),
            (&mut counters.report_trust, self.report_trust),
        ] {
            *counter = counter.saturating_add_signed(change);
        }
    }
}

/// Features of hot posts. See the crate's documentation.
#[derive(Debug)]
pub struct FeatureTable {
    pub(crate) settings: TableSettings,
    pub(crate) posts: Posts,
    pub(crate) authors: Authors,
    pub(crate) affinities: Affinities,
    pub(crate) relations: Relations,
    pub(crate) viewer_reports: ViewerReports,
}

impl FeatureTable {
    /// An empty table.
    #[must_use]
    pub fn new(settings: TableSettings) -> Self {
        Self {
            settings,
            posts: Posts::default(),
            authors: Authors::default(),
            affinities: Affinities::default(),
            relations: Relations::default(),
            viewer_reports: ViewerReports::default(),
        }
    }

    /// Adds a post or replaces its features; tells whether it is new. A deleted post stays deleted,
    /// and a post older than all of a full table is forgotten at once.
    pub fn upsert_post(&mut self, post: &PostFeatures) -> bool {
        let Some(author) = self.authors.slot_or_new(post.author_id) else {
            return false;
        };
        let is_repost = post.original_id != 0;
        let mut new = PostRecord {
            id: post.id,
            original_id: if is_repost { post.original_id } else { post.id },
            author: Some(author),
            counters: post.counters,
            kind: post.kind,
            spam: post.spam,
            deleted: false,
        };
        if let Some(record) = self.posts.get_mut(post.id) {
            // Who wrote a post never changes, and the author's index has it.
            new.author = record.author.or(new.author);
            new.deleted = record.deleted;
            *record = new;
            return false;
        }
        self.posts.insert(new);
        if let Some(author) = self.authors.get_mut(author) {
            author.add_post(post.id, self.settings.posts_per_author);
        }
        self.evict_beyond_bound();
        true
    }

    /// Deletes a post, known or still to come; tells whether it was not deleted before.
    pub fn delete_post(&mut self, post_id: i64) -> bool {
        if self.posts.get(post_id).is_none() {
            self.posts.insert(PostRecord {
                id: post_id,
                original_id: post_id,
                author: None,
                counters: Counters::default(),
                kind: 0,
                spam: 0,
                deleted: true,
            });
            self.evict_beyond_bound();
            return true;
        }
        let Some(record) = self.posts.delete(post_id) else {
            return false;
        };
        self.forget_in_index(&record);
        true
    }

    /// Changes a post's counters. Tells whether the post is known.
    pub fn add_counts(&mut self, post_id: i64, changes: &CounterChanges) -> bool {
        let record = self.posts.get_mut(post_id);
        let Some(record) = record else {
            return false;
        };
        changes.apply(&mut record.counters);
        true
    }

    /// Sets how many follow an author.
    pub fn set_followers(&mut self, author_id: i64, followers: u32) {
        let slot = self.authors.slot_or_new(author_id);
        if let Some(author) = slot.and_then(|slot| self.authors.get_mut(slot)) {
            author.followers = followers;
        }
    }

    /// Changes how many follow an author; never below zero.
    pub fn add_followers(&mut self, author_id: i64, change: i32) {
        let slot = self.authors.slot_or_new(author_id);
        if let Some(author) = slot.and_then(|slot| self.authors.get_mut(slot)) {
            author.followers = author.followers.saturating_add_signed(change);
        }
    }

    /// Sets whether an author's posts are for those only whom the author accepts.
    pub fn set_private(&mut self, author_id: i64, is_private: bool) {
        let slot = self.authors.slot_or_new(author_id);
        if let Some(author) = slot.and_then(|slot| self.authors.get_mut(slot)) {
            author.is_private = is_private;
        }
    }

    /// Sets those bits of a viewer's relation to another person that are in `mask`.
    pub fn set_relation(
        &mut self,
        viewer_id: i64,
        other_id: i64,
        bits: RelationBits,
        mask: RelationBits,
    ) {
        if let Some(other) = self.authors.slot_or_new(other_id) {
            self.relations.set(viewer_id, other, bits, mask);
        }
    }

    /// Hides a post from a viewer who reported it; of each viewer's the newest 1,000 are kept.
    pub fn add_viewer_report(&mut self, viewer_id: i64, post_id: i64) {
        self.viewer_reports.add(viewer_id, post_id);
    }

    /// Sets a viewer's decayed sum of interactions with an author, as it stood at `as_of_ms`.
    pub fn set_affinity(&mut self, viewer_id: i64, author_id: i64, weight: f64, as_of_ms: i64) {
        if let Some(author) = self.authors.slot_or_new(author_id) {
            let entry = Entry {
                weight,
                as_of_ms,
                author,
            };
            self.affinities
                .set(viewer_id, entry, self.settings.affinity_half_life_ms);
        }
    }

    /// Adds an interaction of a viewer with an author, or takes back (a negative weight) the one
    /// of `at_ms`.
    pub fn add_interaction(&mut self, viewer_id: i64, author_id: i64, at_ms: i64, weight: f64) {
        if let Some(author) = self.authors.slot_or_new(author_id) {
            let half_life_ms = self.settings.affinity_half_life_ms;
            self.affinities
                .add(viewer_id, author, at_ms, weight, half_life_ms);
        }
    }

    fn evict_beyond_bound(&mut self) {
        while self.posts.len() > self.settings.max_posts {
            let Some(record) = self.posts.evict_oldest() else {
                return;
            };
            self.forget_in_index(&record);
        }
    }

    fn forget_in_index(&mut self, record: &PostRecord) {
        let author = record.author.and_then(|slot| self.authors.get_mut(slot));
        if let Some(author) = author {
            author.remove_post(record.id);
        }
    }
}
