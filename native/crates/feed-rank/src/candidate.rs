//! What ranking knows of a post, and what it says about it.

/// How close the viewer is to a post's author.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Affinity {
    /// The viewer wrote the post.
    Own,
    /// The decayed count of the viewer's likes of the author's posts.
    Likes {
        /// The count at `as_of_ms`, never negative.
        weight: f64,
        /// Unix milliseconds at which `weight` holds.
        as_of_ms: i64,
    },
}

impl Affinity {
    /// The viewer never liked a post of the author.
    pub const NONE: Self = Self::Likes {
        weight: 0.0,
        as_of_ms: 0,
    };
}

/// The features of one post, for one viewer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The post's id; the greater one wins a tie.
    pub id: i64,
    /// Unix milliseconds at which the post was made.
    pub created_ms: i64,
    /// Who is close to whom.
    pub affinity: Affinity,
    /// Any number that is the author's alone; it does not influence the order.
    pub author: u32,
    /// Likes of the post.
    pub likes: u32,
    /// Distinct people who reported the post.
    pub reports: u32,
    /// Followers of the author.
    pub followers: u32,
    /// The kind of post (text, link, media, …).
    pub kind: u8,
}

/// A chosen post with its terms in units of 1e-9 and its score in units of 1e-11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The post's id.
    pub id: i64,
    /// The weighted sum of the terms, in units of 1e-11.
    pub score: i64,
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
