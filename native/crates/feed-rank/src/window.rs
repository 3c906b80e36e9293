//! The hot window: the newest posts that may be shown, each once however many pass it on.

use hashbrown::HashMap;

/// A candidate that may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eligible<T> {
    /// The candidate.
    pub id: i64,
    /// The post that is shown: for a repost the one it passes on, else the candidate itself.
    pub original_id: i64,
    /// Whatever the caller wants to know of it later.
    pub post: T,
}

/// Collects candidates, offered newest first, down to the `cap`-th different post.
///
/// Of several candidates that show the same post the post itself stays, else the first repost of it.
#[derive(Debug)]
pub struct Window<T> {
    kept: Vec<Option<Eligible<T>>>,
    /// Posts that only reposts show so far: where the repost stands in `kept`.
    reposted: HashMap<i64, usize>,
    cap: usize,
    posts: usize,
    floor: i64,
    duplicates: usize,
}

impl<T> Window<T> {
    /// An empty window for at most `cap` different posts.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self {
            kept: Vec::with_capacity(cap),
            reposted: HashMap::new(),
            cap,
            posts: 0,
            floor: i64::MAX,
            duplicates: 0,
        }
    }

    /// Takes a candidate older than all before; false when it shows one post more than fit, so that
    /// the window ends above it.
    pub fn offer(&mut self, candidate: Eligible<T>) -> bool {
        let Eligible {
            id, original_id, ..
        } = candidate;
        let is_repost = original_id != id;
        if is_repost && self.keeps(original_id) {
            // Clocks disagree: the post is newer than the repost of it.
            self.duplicates += 1;
            self.floor = id;
            return true;
        }
        let place = self.kept.len();
        let before = if is_repost {
            self.place_of_repost(original_id, place)
        } else {
            self.reposted.remove(&id)
        };
        match before.and_then(|before| self.kept.get_mut(before)) {
            Some(newer) => {
                *newer = None;
                self.duplicates += 1;
            }
            None if self.posts == self.cap => {
                self.reposted.remove(&original_id);
                return false;
            }
            None => self.posts += 1,
        }
        self.kept.push(Some(candidate));
        self.floor = id;
        true
    }

    /// The oldest id that was taken.
    #[must_use]
    pub fn floor(&self) -> i64 {
        self.floor
    }

    /// Candidates left out because another one shows the same post.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// How many different posts are in the window.
    #[must_use]
    pub fn len(&self) -> usize {
        self.posts
    }

    /// Whether nothing is in the window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.posts == 0
    }

    /// The candidates, newest first, each post once.
    pub fn into_candidates(self) -> impl Iterator<Item = Eligible<T>> {
        self.kept.into_iter().flatten()
    }

    /// Whether the post itself is in the window; it then has no entry in `reposted`.
    fn keeps(&self, post_id: i64) -> bool {
        // Posts are older than reposts of them, so this is hardly ever looked up.
        post_id >= self.floor
            && self
                .kept
                .iter()
                .flatten()
                .any(|candidate| candidate.id == post_id)
    }

    /// Notes that the candidate to come shows a post; where the one before it stands that does.
    fn place_of_repost(&mut self, original_id: i64, place: usize) -> Option<usize> {
        if self.reposted.is_empty() {
            self.reposted.reserve(self.cap);
        }
        self.reposted.insert(original_id, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cap: usize, candidates: &[(i64, i64)]) -> (Vec<i64>, i64, usize, bool) {
        let mut window = Window::new(cap);
        let is_whole = candidates.iter().all(|&(id, original_id)| {
            window.offer(Eligible {
                id,
                original_id,
                post: (),
            })
        });
        let (floor, duplicates) = (window.floor(), window.duplicates());
        let ids = window.into_candidates().map(|candidate| candidate.id);
        (ids.collect(), floor, duplicates, is_whole)
    }

    #[test]
    fn the_post_itself_stays_else_its_first_repost() {
        let candidates = [(9, 3), (8, 2), (7, 2), (5, 5), (3, 3)];
        assert_eq!(window(9, &candidates), (vec![7, 5, 3], 3, 2, true));
    }

    #[test]
    fn ends_above_the_first_post_too_many() {
        let candidates = [(9, 1), (8, 8), (7, 1), (6, 2), (5, 1)];
        assert_eq!(window(2, &candidates), (vec![8, 7], 7, 1, false));
        assert_eq!(window(2, &[(9, 9), (8, 8)]), (vec![9, 8], 8, 0, true));
    }

    #[test]
    fn a_repost_older_than_its_post_is_a_duplicate() {
        assert_eq!(window(2, &[(9, 9), (8, 9)]), (vec![9], 8, 1, true));
        assert_eq!(window(1, &[(9, 9), (8, 9), (7, 7)]), (vec![9], 8, 1, false));
    }

    #[test]
    fn many_copies_of_one_post_do_not_use_up_the_cap() {
        let copies: Vec<(i64, i64)> = (10..60).rev().map(|id| (id, 1)).collect();
        assert_eq!(window(1, &copies), (vec![10], 10, 49, true));
    }
}
