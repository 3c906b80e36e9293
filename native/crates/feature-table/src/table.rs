//! The table and its writes: each fact absolute (`set_…`, `upsert_…`) or a change (`add_…`).

use thiserror::Error;

use crate::affinities::{Affinities, Entry};
use crate::authors::Authors;
use crate::checksum::{Checksum, Item};
use crate::posts::{PostFeatures, PostRecord, Posts};

/// Steps per doubling to which the checksum rounds an affinity: sums of the same likes in another
/// order differ by far less, and a missing like by far more.
const CHECKSUM_STEPS_PER_DOUBLING: f64 = 1e4;

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
    affinity_half_life_ms: f64,
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

/// A like that was given or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Like {
    /// Who likes.
    pub viewer_id: i64,
    /// What they like.
    pub post_id: i64,
    /// Who wrote it, if the caller knows.
    pub author_id: Option<i64>,
    /// Unix milliseconds at which the like was given, also of one taken back.
    pub at_ms: i64,
    /// +1 for a like given, -1 for one taken back.
    pub change: i8,
}

/// Features of hot posts. See the crate's documentation.
#[derive(Debug)]
pub struct FeatureTable {
    settings: TableSettings,
    pub(crate) posts: Posts,
    pub(crate) authors: Authors,
    pub(crate) affinities: Affinities,
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
        }
    }

    /// Adds a post or replaces its counters; tells whether it is new. A deleted post stays deleted,
    /// and a post older than all of a full table is forgotten at once.
    pub fn upsert_post(&mut self, post: &PostFeatures) -> bool {
        let Some(author) = self.authors.slot_or_new(post.author_id) else {
            return false;
        };
        if let Some(record) = self.posts.get_mut(post.id) {
            record.author.get_or_insert(author);
            record.likes = post.likes;
            record.reports = post.reports;
            record.kind = post.kind;
            return false;
        }
        self.posts.insert(
            post.id,
            PostRecord {
                author: Some(author),
                likes: post.likes,
                reports: post.reports,
                kind: post.kind,
                deleted: false,
            },
        );
        if let Some(author) = self.authors.get_mut(author) {
            author.add_post(post.id, self.settings.posts_per_author);
        }
        self.evict_beyond_bound();
        true
    }

    /// Deletes a post, known or still to come; tells whether it was not deleted before.
    pub fn delete_post(&mut self, post_id: i64) -> bool {
        if self.posts.get(post_id).is_none() {
            let unseen = PostRecord {
                author: None,
                likes: 0,
                reports: 0,
                kind: 0,
                deleted: true,
            };
            self.posts.insert(post_id, unseen);
            self.evict_beyond_bound();
            return true;
        }
        let Some(record) = self.posts.delete(post_id) else {
            return false;
        };
        let author = record.author.and_then(|slot| self.authors.get_mut(slot));
        if let Some(author) = author {
            author.remove_post(post_id);
        }
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

    /// Sets a viewer's decayed like count of an author's posts, as it stood at `as_of_ms`.
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

    /// Adds a like, or takes one back: moves the post's count and the viewer's affinity with its
    /// author. Tells whether the post is known; if not, `like.author_id` still gets the affinity.
    pub fn add_like(&mut self, like: &Like) -> bool {
        let record = self.posts.get_mut(like.post_id);
        let known = record.is_some();
        let mut author = None;
        if let Some(record) = record {
            record.likes = record.likes.saturating_add_signed(i32::from(like.change));
            author = record.author;
        }
        let told = like.author_id;
        author = author.or_else(|| self.authors.slot_or_new(told?));
        if let Some(author) = author {
            self.affinities.add_like(
                like.viewer_id,
                author,
                like.at_ms,
                f64::from(like.change),
                self.settings.affinity_half_life_ms,
            );
        }
        known
    }

    /// Changes how many reported a post; never below zero. Tells whether the post is known.
    pub fn add_reports(&mut self, post_id: i64, change: i32) -> bool {
        let Some(record) = self.posts.get_mut(post_id) else {
            return false;
        };
        record.reports = record.reports.saturating_add_signed(change);
        true
    }

    /// A checksum of everything a feed can depend on, whatever order it came in: live posts with
    /// their counters, follower counts, affinities.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        let mut checksum = Checksum::default();
        for (id, record) in self.posts.iter().filter(|(_, record)| !record.deleted) {
            let author = record.author.and_then(|slot| self.authors.get(slot));
            let author_id = author.map_or(0, |author| author.id);

            let (likes, reports) = (i64::from(record.likes), i64::from(record.reports));
            checksum.add(
                Item::Post,
                &[id, author_id, i64::from(record.kind), likes, reports],
            );
        }
        for author in self.authors.iter().filter(|author| author.followers > 0) {
            checksum.add(Item::Followers, &[author.id, i64::from(author.followers)]);
        }
        for (viewer_id, entry) in self.affinities.iter() {
            let log2 = entry.log2_at_epoch(self.settings.affinity_half_life_ms);
            #[allow(
                clippy::cast_possible_truncation,
                reason = "rounding to steps; saturates"
            )]
            let steps = (log2 * CHECKSUM_STEPS_PER_DOUBLING).round() as i64;
            let author_id = self.authors.get(entry.author).map_or(0, |author| author.id);
            checksum.add(Item::Affinity, &[viewer_id, author_id, steps]);
        }
        checksum.value()
    }

    fn evict_beyond_bound(&mut self) {
        while self.posts.len() > self.settings.max_posts {
            let Some((id, record)) = self.posts.evict_oldest() else {
                return;
            };
            let author = record.author.and_then(|slot| self.authors.get_mut(slot));
            if let Some(author) = author {
                author.remove_post(id);
            }
        }
    }
}
