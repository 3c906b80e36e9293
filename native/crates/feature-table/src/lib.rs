//! The features of hot posts in memory, fed by the event log and read by ranking.
//!
//! Holds what ranking needs of each hot post (author, kind, counters), the ids of each author's
//! posts, who is private, what must be hidden from whom, and the viewers' affinities; and puts feeds
//! together out of it. No I/O and no locks: the owner synchronises. Bounded by the number of posts;
//! the oldest make way, and every byte is accounted.

mod affinities;
mod authors;
mod checksum;
mod feed;
mod ids;
mod posts;
mod queries;
mod records;
mod relations;
mod request;
mod stages;
mod stats;
mod table;
mod viewer_reports;
mod visibility;

pub use feed::{Dropped, Feed, Item, source};
pub use ids::{EPOCH_MS, created_ms};
pub use posts::PostFeatures;
pub use relations::RelationBits;
pub use request::{Ranking, Sources};
pub use stages::Nanoseconds;
pub use stats::Stats;
pub use table::{CounterChanges, FeatureTable, TableSettings, TableSettingsError};
