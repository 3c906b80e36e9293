//! Compact post records by id, and their age order for eviction.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;

use feed_rank::Counters;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::records::{Place, Records};

/// The features of one post as its owner tells them, all absolute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostFeatures {
    /// The post.
    pub id: i64,
    /// Its author.
    pub author_id: i64,
    /// For a repost: the post that is passed on; else 0.
    pub original_id: i64,
    /// What people did with it.
    pub counters: Counters,
    /// The kind of post.
    pub kind: u8,
    /// How much it looks like spam, in percent.
    pub spam: u8,
}

/// What is kept of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PostRecord {
    pub(crate) id: i64,
    /// For a repost: the post that is passed on; else the post itself.
    pub(crate) original_id: i64,
    /// The author's slot; none for a post that was deleted before it was seen.
    pub(crate) author: Option<Slot>,
    pub(crate) counters: Counters,
    pub(crate) kind: u8,
    pub(crate) spam: u8,
    /// Deleted posts stay known, so that a late arrival does not bring them back.
    pub(crate) deleted: bool,
}

impl PostRecord {
    pub(crate) fn is_repost(&self) -> bool {
        self.original_id != self.id
    }
}

/// An author's place in the table, counted from one so that `Option` costs nothing.
pub(crate) type Slot = std::num::NonZeroU32;

/// Records by id; the oldest are the first to go.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    /// Places of `records`, by the id of the record: 5 bytes an entry, where a map of records by id
    /// would leave half of its space empty.
    index: HashTable<Place>,
    hasher: DefaultHashBuilder,
    records: Records,
    /// Exactly the ids of `records`, the oldest on top.
    by_age: BinaryHeap<Reverse<i64>>,
    deleted: usize,
    evicted_to: i64,
}

impl Posts {
    pub(crate) fn get(&self, id: i64) -> Option<&PostRecord> {
        let found = self.index.find(self.hasher.hash_one(id), |&place| {
            self.records
                .get(place)
                .is_some_and(|record| record.id == id)
        });
        self.records.get(*found?)
    }

    pub(crate) fn get_mut(&mut self, id: i64) -> Option<&mut PostRecord> {
        let records = &self.records;
        let found = self.index.find(self.hasher.hash_one(id), |&place| {
            records.get(place).is_some_and(|record| record.id == id)
        });
        self.records.get_mut(*found?)
    }

    /// Adds a post that is not in the table yet.
    pub(crate) fn insert(&mut self, record: PostRecord) {
        let Some(place) = self.records.add(record) else {
            return;
        };
        let (records, hasher) = (&self.records, &self.hasher);
        let hash_of = |&place: &Place| {
            let id = records.get(place).map_or(0, |record| record.id);
            hasher.hash_one(id)
        };
        self.index
            .insert_unique(hasher.hash_one(record.id), place, hash_of);
        self.by_age.push(Reverse(record.id));
        self.deleted += usize::from(record.deleted);
    }

    /// Marks a post as deleted; its record, unless it was so before.
    pub(crate) fn delete(&mut self, id: i64) -> Option<PostRecord> {
        let record = self.get_mut(id).filter(|record| !record.deleted)?;
        record.deleted = true;
        let record = *record;
        self.deleted += 1;
        Some(record)
    }

    /// Forgets the oldest post.
    pub(crate) fn evict_oldest(&mut self) -> Option<PostRecord> {
        let Reverse(id) = self.by_age.pop()?;
        let records = &self.records;
        let found = self.index.find_entry(self.hasher.hash_one(id), |&place| {
            records.get(place).is_some_and(|record| record.id == id)
        });
        let (place, _) = found.ok()?.remove();
        let record = *self.records.get(place)?;
        self.records.free(place);
        self.deleted -= usize::from(record.deleted);
        self.evicted_to = self.evicted_to.max(id);
        Some(record)
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn deleted(&self) -> usize {
        self.deleted
    }

    /// The newest id ever evicted, zero if none was: at or below it posts may be missing.
    pub(crate) fn evicted_to(&self) -> i64 {
        self.evicted_to
    }

    pub(crate) fn bytes(&self) -> usize {
        self.index.allocation_size()
            + self.records.bytes()
            + self.by_age.capacity() * size_of::<Reverse<i64>>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PostRecord> {
        self.index
            .iter()
            .filter_map(|&place| self.records.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_compact() {
        assert_eq!(size_of::<PostRecord>(), 48);
    }
}
