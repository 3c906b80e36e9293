//! Post records in fixed-size chunks, addressed by number; a freed place is taken again.

use crate::posts::PostRecord;

/// Records of a chunk. Chunks never move, so growing copies nothing and wastes less than a chunk.
const CHUNK: usize = 256;

/// A record's number.
pub(crate) type Place = u32;

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    chunks: Vec<Vec<PostRecord>>,
    free: Vec<Place>,
}

impl Records {
    pub(crate) fn get(&self, place: Place) -> Option<&PostRecord> {
        let (chunk, within) = split(place);
        self.chunks.get(chunk)?.get(within)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut PostRecord> {
        let (chunk, within) = split(place);
        self.chunks.get_mut(chunk)?.get_mut(within)
    }

    /// Stores a record; none once 2^32 are stored.
    pub(crate) fn add(&mut self, record: PostRecord) -> Option<Place> {
        if let Some(place) = self.free.pop() {
            *self.get_mut(place)? = record;
            return Some(place);
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.len() - 1;
        let last = self.chunks.last_mut()?;
        let place = Place::try_from(chunk * CHUNK + last.len()).ok()?;
        last.push(record);
        Some(place)
    }

    /// Gives a place free. Its record stays readable until another one takes it.
    pub(crate) fn free(&mut self, place: Place) {
        self.free.push(place);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Vec<PostRecord>>()
            + self.chunks.len() * CHUNK * size_of::<PostRecord>()
            + self.free.capacity() * size_of::<Place>()
    }
}

fn split(place: Place) -> (usize, usize) {
    (place as usize / CHUNK, place as usize % CHUNK)
}
