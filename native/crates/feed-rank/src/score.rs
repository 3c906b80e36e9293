//! The part of a score that does not depend on what was chosen before.

use crate::candidate::{Candidate, Ranked};
use crate::settings::{RankSettings, Weights};
use crate::terms;

/// A candidate with its terms, before diversity.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// Score without diversity, in units of 1e-11.
    pub(crate) base: i64,
    pub(crate) id: i64,
    pub(crate) author: u32,
    place: u32,
    affinity: u32,
    quality: u32,
    freshness: u32,
    negative: u32,
    pub(crate) kind: u8,
    pub(crate) seen: bool,
}

/// Computes the terms of each candidate as `now_ms` sees it and weighs them.
#[must_use]
pub fn score(candidates: &[Candidate], settings: &RankSettings, now_ms: i64) -> Vec<Scored> {
    let places = 0_u32..;
    let scored = candidates.iter().zip(places);
    scored
        .map(|(candidate, place)| Scored::new(candidate, place, settings, now_ms))
        .collect()
}

impl Scored {
    fn new(candidate: &Candidate, place: u32, settings: &RankSettings, now_ms: i64) -> Self {
        let affinity =
            terms::affinity(candidate.affinity, now_ms, settings.affinity_half_life_ms());
        let quality = terms::quality(&candidate.counters);
        let freshness = terms::freshness(
            candidate.created_ms,
            now_ms,
            settings.freshness_half_life_ms(),
        );
        let negative = terms::negative(&candidate.counters, candidate.spam);
        let Weights {
            affinity: by_affinity,
            quality: by_quality,
            freshness: by_freshness,
            negative: by_negative,
            ..
        } = settings.weights();
        let base = weigh(by_affinity, affinity)
            + weigh(by_quality, quality)
            + weigh(by_freshness, freshness)
            - weigh(by_negative, negative);
        Self {
            base,
            id: candidate.id,
            author: candidate.author,
            place,
            affinity,
            quality,
            freshness,
            negative,
            kind: candidate.kind,
            seen: candidate.seen,
        }
    }

    /// What posts of one author and one kind share, as one number so that comparing is cheap.
    pub(crate) fn group(&self) -> u64 {
        u64::from(self.author) << u8::BITS | u64::from(self.kind)
    }

    /// The candidate as chosen with this diversity.
    pub(crate) fn ranked(&self, diversity: u32, score: i64) -> Ranked {
        Ranked {
            id: self.id,
            score,
            place: self.place,
            affinity: self.affinity,
            quality: self.quality,
            freshness: self.freshness,
            diversity,
            negative: self.negative,
        }
    }
}

/// Percent times units of 1e-9: units of 1e-11.
pub(crate) fn weigh(percent: u8, units: u32) -> i64 {
    i64::from(percent) * i64::from(units)
}
