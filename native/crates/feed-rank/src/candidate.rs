//! What ranking knows of a post, and what it says about it.

/// How close the viewer is to a post's author.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Affinity {
    /// The viewer wrote the post.
    Own,
    /// The decayed sum of the viewer's interactions with the author.
    Interactions {
        /// The sum at `as_of_ms`, never negative.
        weight: f64,
        /// Unix milliseconds at which `weight` holds.
        as_of_ms: i64,
    },
}

impl Affinity {
    /// The viewer never had to do with the author.
    pub const NONE: Self = Self::Interactions {
        weight: 0.0,
        as_of_ms: 0,
    };
}

/// What people did with a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// People who like it.
    pub likes: u32,
    /// People who passed it on.
    pub reposts: u32,
    /// Times somebody opened it.
    pub opens: u32,
    /// Times somebody was shown it.
    pub impressions: u32,
    /// The sum of its reporters' trust, in percent.
    pub report_trust: u32,
}

/// The features of one candidate, for one viewer. A repost has the counters of what it passes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The candidate's id; the greater one wins a tie.
    pub id: i64,
    /// Unix milliseconds at which the candidate was made.
    pub created_ms: i64,
    /// How close the viewer is to the candidate's author.
    pub affinity: Affinity,
    /// What people did with the post that is shown.
    pub counters: Counters,
    /// Any number that is the author's alone; it does not influence the order.
    pub author: u32,
    /// How much the post that is shown looks like spam, in percent.
    pub spam: u8,
    /// The kind of the candidate (text, link, repost, …).
    pub kind: u8,
    /// Whether the viewer was shown it before: such posts come after all others.
    pub seen: bool,
}

/// Whose post of which kind was chosen: what diversity and rows remember of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The author, by the number that [`Candidate::author`] has.
    pub author: u32,
    /// The kind.
    pub kind: u8,
}

/// A chosen candidate with its terms in units of 1e-9 and its score in units of 1e-11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The candidate's id.
    pub id: i64,
    /// The weighted sum of the terms, in units of 1e-11.
    pub score: i64,
    /// The candidate's place among those that were ranked.
    pub place: u32,
    /// Affinity in units of 1e-9.
    pub affinity: u32,
    /// Quality in units of 1e-9.
    pub quality: u32,
    /// Freshness in units of 1e-9.
    pub freshness: u32,
    /// Diversity given the posts chosen before, in units of 1e-9.
    pub diversity: u32,
    /// Negative signals in units of 1e-9.
    pub negative: u32,
}
