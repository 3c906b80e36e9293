//! Posts that each viewer reported: their feed has nothing of them.

use hashbrown::HashMap;

/// Posts remembered per viewer; beyond it the oldest makes way.
const PER_VIEWER_MAX: usize = 1_000;

/// Reported posts of each viewer, ascending.
#[derive(Debug, Default)]
pub(crate) struct ViewerReports {
    by_viewer: HashMap<i64, Vec<i64>>,
    count: usize,
}

impl ViewerReports {
    /// What a viewer reported, ascending.
    pub(crate) fn of(&self, viewer_id: i64) -> &[i64] {
        self.by_viewer.get(&viewer_id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add(&mut self, viewer_id: i64, post_id: i64) {
        let reported = self.by_viewer.entry(viewer_id).or_default();
        let Err(at) = reported.binary_search(&post_id) else {
            return;
        };
        if reported.len() < PER_VIEWER_MAX {
            if reported.len() == reported.capacity() {
                reported.reserve_exact(1 + reported.len() / 2);
            }
            reported.insert(at, post_id);
            self.count += 1;
        } else if at > 0 {
            reported.remove(0);
            reported.insert(at - 1, post_id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        let posts: usize = self.by_viewer.values().map(Vec::capacity).sum();
        self.by_viewer.allocation_size() + posts * size_of::<i64>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.by_viewer
            .iter()
            .flat_map(|(&viewer_id, posts)| posts.iter().map(move |&post_id| (viewer_id, post_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let mut reports = ViewerReports::default();
        for post_id in (1..=1_100).rev().chain([1_000, 1_200]) {
            reports.add(7, post_id);
        }
        let expected: Vec<i64> = (102..=1_100).chain([1_200]).collect();
        assert_eq!(reports.of(7), expected);
        assert_eq!((reports.len(), reports.of(8)), (1_000, [].as_slice()));
    }
}
