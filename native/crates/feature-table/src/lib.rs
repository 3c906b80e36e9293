//! The features of hot posts in memory, fed by the event log and read by ranking.
//!
//! Holds what ranking needs of each hot post (author, kind, counters), the ids of each author's
//! posts, the authors' follower counts and the viewers' affinities. No I/O and no locks: the owner
//! synchronises. Bounded by the number of posts; the oldest make way, and every byte is accounted.

mod affinities;
mod authors;
mod checksum;
mod ids;
mod posts;
mod queries;
mod stats;
mod table;

pub use ids::{EPOCH_MS, created_ms};
pub use posts::PostFeatures;
pub use stats::Stats;
pub use table::{FeatureTable, Like, TableSettings, TableSettingsError};
