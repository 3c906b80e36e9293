//! Authors: their follower counts, privacy and the ids of their posts, oldest first.

use std::mem::size_of;

use hashbrown::HashMap;

use crate::posts::Slot;

/// What is known of one author.
#[derive(Debug)]
pub(crate) struct Author {
    pub(crate) id: i64,
    pub(crate) followers: u32,
    /// Only those whom the author accepts may see the posts.
    pub(crate) is_private: bool,
    /// Ids of live posts in ascending order.
    posts: Vec<i64>,
}

/// Authors by id and by slot; slots never change, so posts and affinities refer to them.
#[derive(Debug, Default)]
pub(crate) struct Authors {
    slots: HashMap<i64, Slot>,
    authors: Vec<Author>,
}

impl Authors {
    pub(crate) fn slot(&self, author_id: i64) -> Option<Slot> {
        self.slots.get(&author_id).copied()
    }

    /// The author's slot, a new one if they were unknown; none once 2^32 - 2 authors are known.
    pub(crate) fn slot_or_new(&mut self, author_id: i64) -> Option<Slot> {
        if let Some(slot) = self.slot(author_id) {
            return Some(slot);
        }
        let slot = Slot::new(u32::try_from(self.authors.len()).ok()?.checked_add(1)?)?;
        self.authors.push(Author {
            id: author_id,
            followers: 0,
            is_private: false,
            posts: Vec::new(),
        });
        self.slots.insert(author_id, slot);
        Some(slot)
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Author> {
        self.authors.get(slot.get() as usize - 1)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Author> {
        self.authors.get_mut(slot.get() as usize - 1)
    }

    /// The author's posts in ascending order; empty if unknown.
    pub(crate) fn posts(&self, author_id: i64) -> &[i64] {
        let author = self.slot(author_id).and_then(|slot| self.get(slot));
        author.map_or(&[], |author| author.posts.as_slice())
    }

    pub(crate) fn len(&self) -> usize {
        self.authors.len()
    }

    /// Bytes of the ids of posts, which grow with posts.
    pub(crate) fn index_bytes(&self) -> usize {
        let ids: usize = self
            .authors
            .iter()
            .map(|author| author.posts.capacity())
            .sum();
        ids * size_of::<i64>()
    }

    /// Bytes of the authors themselves, which grow with authors.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.allocation_size() + self.authors.capacity() * size_of::<Author>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Author> {
        self.authors.iter()
    }
}

impl Author {
    /// Adds a post, dropping the oldest beyond `posts_max`. New posts are appended.
    pub(crate) fn add_post(&mut self, id: i64, posts_max: usize) {
        let Err(at) = self.posts.binary_search(&id) else {
            return;
        };
        if self.posts.len() < posts_max {
            if self.posts.len() == self.posts.capacity() {
                // Half as much again, not double: most authors have few posts.
                self.posts.reserve_exact(1 + self.posts.len() / 2);
            }
            self.posts.insert(at, id);
        } else if at > 0 {
            self.posts.remove(0);
            self.posts.insert(at - 1, id);
        }
    }

    pub(crate) fn remove_post(&mut self, id: i64) {
        if let Ok(at) = self.posts.binary_search(&id) {
            self.posts.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(posts: &[i64]) -> Author {
        Author {
            id: 1,
            followers: 0,
            is_private: false,
            posts: posts.to_vec(),
        }
    }

    #[test]
    fn posts_stay_sorted_and_bounded() {
        let mut some = author(&[]);
        for id in [5, 3, 9, 5, 7] {
            some.add_post(id, 3);
        }
        assert_eq!(some.posts, [5, 7, 9]);
        some.add_post(4, 3);
        assert_eq!(some.posts, [5, 7, 9], "older than all kept");
        some.remove_post(7);
        some.remove_post(7);
        assert_eq!(some.posts, [5, 9]);
    }
}
