//! Compact post records by id, and their age order for eviction.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem::size_of;

use hashbrown::HashMap;

/// The features of one post as its owner tells them, all absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostFeatures {
    /// The post.
    pub id: i64,
    /// Its author.
    pub author_id: i64,
    /// The kind of post.
    pub kind: u8,
    /// Likes of it.
    pub likes: u32,
    /// Distinct people who reported it.
    pub reports: u32,
}

/// What is kept of a post: 16 bytes beside its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PostRecord {
    /// The author's slot; none for a post that was deleted before it was seen.
    pub(crate) author: Option<Slot>,
    pub(crate) likes: u32,
    pub(crate) reports: u32,
    pub(crate) kind: u8,
    /// Deleted posts stay known, so that a late arrival does not bring them back.
    pub(crate) deleted: bool,
}

/// An author's place in the table, counted from one so that `Option` costs nothing.
pub(crate) type Slot = std::num::NonZeroU32;

/// Records by id; the oldest are the first to go.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    records: HashMap<i64, PostRecord>,
    /// Exactly the ids of `records`, the oldest on top.
    by_age: BinaryHeap<Reverse<i64>>,
    deleted: usize,
    evicted_to: i64,
}

impl Posts {
    pub(crate) fn get(&self, id: i64) -> Option<&PostRecord> {
        self.records.get(&id)
    }

    /// The record of a post that may be shown, with its author.
    pub(crate) fn live(&self, id: i64) -> Option<(&PostRecord, Slot)> {
        let record = self.records.get(&id).filter(|record| !record.deleted)?;
        Some((record, record.author?))
    }

    pub(crate) fn get_mut(&mut self, id: i64) -> Option<&mut PostRecord> {
        self.records.get_mut(&id)
    }

    /// Adds a post that is not in the table yet.
    pub(crate) fn insert(&mut self, id: i64, record: PostRecord) {
        self.deleted += usize::from(record.deleted);
        if self.records.insert(id, record).is_none() {
            self.by_age.push(Reverse(id));
        }
    }

    /// Marks a post as deleted; tells whether it was not so before.
    pub(crate) fn delete(&mut self, id: i64) -> Option<PostRecord> {
        let record = self.records.get_mut(&id).filter(|record| !record.deleted)?;
        record.deleted = true;
        self.deleted += 1;
        Some(*record)
    }

    /// Forgets the oldest post.
    pub(crate) fn evict_oldest(&mut self) -> Option<(i64, PostRecord)> {
        let Reverse(id) = self.by_age.pop()?;
        let record = self.records.remove(&id)?;
        self.deleted -= usize::from(record.deleted);
        self.evicted_to = self.evicted_to.max(id);
        Some((id, record))
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn deleted(&self) -> usize {
        self.deleted
    }

    /// The newest id ever evicted, zero if none was: at or below it posts may be missing.
    pub(crate) fn evicted_to(&self) -> i64 {
        self.evicted_to
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.allocation_size() + self.by_age.capacity() * size_of::<Reverse<i64>>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &PostRecord)> {
        self.records.iter().map(|(&id, record)| (id, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_compact() {
        assert_eq!(size_of::<PostRecord>(), 16);
    }
}
