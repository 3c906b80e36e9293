//! The hard filters: what a viewer's feed must not have, whatever its score.

use feed_rank::Affinity;

use crate::affinities::{self, Entry};
use crate::posts::{PostRecord, Slot};
use crate::relations::{self, Relation};
use crate::table::FeatureTable;

/// Why a candidate is in no feed of a viewer, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The table has never seen the post, or its original.
    Unknown,
    /// It is deleted.
    Deleted,
    /// The viewer and its author do not see one another, or the viewer muted the author.
    Hidden,
    /// The viewer reported it.
    Reported,
    /// A repost of what is not for everybody.
    Private,
}

/// All that the table knows of one viewer, looked up once a feed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Viewer<'a> {
    slot: Option<Slot>,
    relations: &'a [Relation],
    reported: &'a [i64],
    affinities: &'a [Entry],
}

/// A candidate that may be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visible<'a> {
    pub(crate) record: &'a PostRecord,
    pub(crate) author: Slot,
    /// The post that is shown: for a repost the one it passes on, else `record`.
    pub(crate) original: &'a PostRecord,
    pub(crate) original_author: Slot,
}

impl Viewer<'_> {
    pub(crate) fn is(&self, author: Slot) -> bool {
        self.slot == Some(author)
    }

    pub(crate) fn affinity_with(&self, author: Slot) -> Affinity {
        if self.is(author) {
            Affinity::Own
        } else {
            affinities::find(self.affinities, author)
        }
    }

    fn may_see(&self, record: &PostRecord) -> Result<Slot, Refusal> {
        if record.deleted {
            return Err(Refusal::Deleted);
        }
        let author = record.author.ok_or(Refusal::Unknown)?;
        if relations::hides(self.relations, author) {
            return Err(Refusal::Hidden);
        }
        if self.reported.binary_search(&record.id).is_ok() {
            return Err(Refusal::Reported);
        }
        Ok(author)
    }
}

impl FeatureTable {
    pub(crate) fn viewer(&self, viewer_id: i64) -> Viewer<'_> {
        Viewer {
            slot: self.authors.slot(viewer_id),
            relations: self.relations.of(viewer_id),
            reported: self.viewer_reports.of(viewer_id),
            affinities: self.affinities.of(viewer_id),
        }
    }

    /// The candidate of a record, if the viewer may see it and, for a repost, what it passes on.
    pub(crate) fn visible<'a>(
        &'a self,
        viewer: &Viewer<'_>,
        record: Option<&'a PostRecord>,
    ) -> Result<Visible<'a>, Refusal> {
        let record = record.ok_or(Refusal::Unknown)?;
        let author = viewer.may_see(record)?;
        if !record.is_repost() {
            return Ok(Visible {
                record,
                author,
                original: record,
                original_author: author,
            });
        }
        let original = self.posts.get(record.original_id).ok_or(Refusal::Unknown)?;
        if self.is_private_to(viewer, original) {
            return Err(Refusal::Private);
        }
        Ok(Visible {
            record,
            author,
            original,
            original_author: viewer.may_see(original)?,
        })
    }

    /// Whether only some may see the post, and the viewer is not its author. Who follows whom is
    /// not known here: a private author's own posts come only out of what their followers read.
    fn is_private_to(&self, viewer: &Viewer<'_>, post: &PostRecord) -> bool {
        post.author.is_some_and(|author| {
            let is_private = self
                .authors
                .get(author)
                .is_some_and(|found| found.is_private);
            is_private && !viewer.is(author)
        })
    }
}
