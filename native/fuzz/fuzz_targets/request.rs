//! What a feed is asked with.

use arbitrary::Arbitrary;
use feature_table::{FeatureTable, Feed, Ranking, Sources};
use feed_rank::RankSettings;

use crate::writes::{id, person};

/// A request in bytes; see its methods for what they stand for.
#[derive(Arbitrary, Debug)]
pub struct Request {
    viewer: u8,
    inbox: Vec<u8>,
    authors: Vec<u8>,
    floor: Option<u8>,
    ceiling: Option<u8>,
    cap: u8,
    limit: u8,
    shown: Vec<u8>,
    seen: u64,
    pub now_ms: i64,
}

impl Request {
    pub fn viewer_id(&self) -> i64 {
        person(self.viewer)
    }

    /// Ascending, with repeats, as the binding gives it.
    pub fn inbox(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self
            .inbox
            .iter()
            .map(|&byte| id(byte))
            .filter(|&id| id > 0)
            .collect();
        ids.sort_unstable();
        ids
    }

    pub fn authors(&self) -> Vec<i64> {
        self.authors.iter().map(|&byte| person(byte)).collect()
    }

    pub fn floor_id(&self) -> i64 {
        self.floor.map_or(0, id)
    }

    pub fn ceiling_id(&self) -> i64 {
        self.ceiling.map_or(i64::MAX, id)
    }

    pub fn cap(&self) -> usize {
        1 + usize::from(self.cap)
    }

    pub fn limit(&self) -> usize {
        1 + usize::from(self.limit)
    }

    pub fn shown(&self) -> Vec<i64> {
        self.shown.iter().map(|&byte| id(byte)).collect()
    }

    pub fn was_seen(&self, post_id: i64) -> bool {
        self.seen >> (post_id.unsigned_abs() % 61) & 1 == 1
    }

    /// The ranked feed after what was shown.
    pub fn rank(&self, table: &FeatureTable, shown: &[i64], limit: usize) -> Feed {
        let (inbox, authors) = (self.inbox(), self.authors());
        let ranking = Ranking {
            settings: &RankSettings::default(),
            now_ms: self.now_ms,
            shown,
            seen: |id| self.was_seen(id),
            limit,
        };
        table.rank(&self.sources(&inbox, &authors), &ranking)
    }

    /// The same posts, newest first.
    pub fn latest(&self, table: &FeatureTable) -> Feed {
        let (inbox, authors) = (self.inbox(), self.authors());
        table.latest(&self.sources(&inbox, &authors), i64::MAX, usize::MAX)
    }

    fn sources<'a>(&self, inbox: &'a [i64], authors: &'a [i64]) -> Sources<'a> {
        Sources {
            viewer_id: self.viewer_id(),
            inbox,
            authors,
            floor_id: self.floor_id(),
            ceiling_id: self.ceiling_id(),
            cap: self.cap(),
        }
    }
}
