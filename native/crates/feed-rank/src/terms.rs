//! The five terms of a score, each a fraction of one rounded to units of 1e-9.
//!
//! Rounding makes sums exact: equal features give equal scores on every machine, and the order
//! does not hang on the last bit of an `exp2`.

use crate::candidate::{Affinity, Counters};

/// Units of one whole term.
pub const UNITS: u32 = 1_000_000_000;

/// The sum of interactions at which affinity is one half.
const AFFINITY_HALF_AT: f64 = 3.0;
/// What a repost counts for, in likes.
const LIKES_PER_REPOST: f64 = 2.0;
/// What an opening counts for, in likes.
const LIKES_PER_OPENING: f64 = 0.25;
/// Imaginary impressions every post starts with, so that one like of one reader is no 100 %.
const QUALITY_PRIOR_IMPRESSIONS: f64 = 20.0;
/// The share of imaginary readers who liked it.
const QUALITY_PRIOR_RATE: f64 = 0.05;
/// Reports of full trust that a post nobody was shown bears before they weigh one half.
const NEGATIVE_HALF_AT_REPORTS: f64 = 5.0;
/// Further reports borne per impression, against brigading.
const NEGATIVE_REPORTS_PER_IMPRESSION: f64 = 0.01;
/// Percent of one whole.
const PERCENT: f64 = 100.0;
/// The author's part of diversity; the rest is the kind's.
const DIVERSITY_AUTHOR_SHARE: f64 = 0.7;
/// The kind's part of diversity.
const DIVERSITY_KIND_SHARE: f64 = 0.3;

/// Rounds a fraction in [0, 1] to units, halves up.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and a fraction of one fits; truncating is the rounding"
)]
fn units(fraction: f64) -> u32 {
    (fraction * f64::from(UNITS) + 0.5) as u32
}

/// How much is left of one after `age_ms`: 2^(-age / half-life); ages below zero count as zero.
#[must_use]
pub fn decay(age_ms: i64, half_life_ms: f64) -> f64 {
    (-(age_ms.max(0) as f64) / half_life_ms).exp2()
}

/// W / (W + 3) of the decayed sum W of interactions; one for the viewer's own posts.
#[must_use]
pub fn affinity(affinity: Affinity, now_ms: i64, half_life_ms: f64) -> u32 {
    match affinity {
        Affinity::Own => UNITS,
        Affinity::Interactions { weight, .. } if weight <= 0.0 => 0,
        Affinity::Interactions { weight, as_of_ms } => {
            let decayed = weight * decay(now_ms.saturating_sub(as_of_ms), half_life_ms);
            units(decayed / (decayed + AFFINITY_HALF_AT))
        }
    }
}

/// The share of impressions that people did something with, smoothed towards 5 % (additive
/// smoothing): E = likes + 2 reposts + openings / 4 of at least as many impressions.
#[must_use]
pub fn quality(counters: &Counters) -> u32 {
    let engaged = f64::from(counters.likes)
        + LIKES_PER_REPOST * f64::from(counters.reposts)
        + LIKES_PER_OPENING * f64::from(counters.opens);
    let shown = f64::from(counters.impressions).max(engaged);
    let smoothed = engaged + QUALITY_PRIOR_IMPRESSIONS * QUALITY_PRIOR_RATE;
    units(smoothed / (shown + QUALITY_PRIOR_IMPRESSIONS))
}

/// One for a new post, halved every half-life.
#[must_use]
pub fn freshness(created_ms: i64, now_ms: i64, half_life_ms: f64) -> u32 {
    units(decay(now_ms.saturating_sub(created_ms), half_life_ms))
}

/// r + s - r s of reports and spam: r = R / (R + 5 + I / 100) of R reports of full trust and I
/// impressions, s the share of spam.
#[must_use]
pub fn negative(counters: &Counters, spam_percent: u8) -> u32 {
    let reports = f64::from(counters.report_trust) / PERCENT;
    let borne = NEGATIVE_REPORTS_PER_IMPRESSION * f64::from(counters.impressions);
    let reported = reports / (reports + NEGATIVE_HALF_AT_REPORTS + borne);
    let spam = f64::from(spam_percent.min(100)) / PERCENT;
    units(reported + spam - reported * spam)
}

/// The author's part of diversity after `chosen` of their posts: 0.7 · 2^-chosen.
#[must_use]
pub fn author_diversity(chosen: u32) -> u32 {
    units(DIVERSITY_AUTHOR_SHARE * (-f64::from(chosen)).exp2())
}

/// The kind's part of diversity after `chosen` posts of it: 0.3 / (1 + chosen).
#[must_use]
pub fn kind_diversity(chosen: u32) -> u32 {
    units(DIVERSITY_KIND_SHARE / (1.0 + f64::from(chosen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn freshness_halves_and_never_exceeds_one() {
        let half_life = 12.0 * HOUR_MS as f64;
        assert_eq!(freshness(0, 0, half_life), UNITS);
        assert_eq!(freshness(0, 12 * HOUR_MS, half_life), UNITS / 2);
        assert_eq!(
            freshness(5, 0, half_life),
            UNITS,
            "a post of the future is new"
        );
        assert_eq!(freshness(0, i64::MAX, half_life), 0);
        assert_eq!(freshness(i64::MAX, i64::MIN, half_life), UNITS);
    }

    #[test]
    fn affinity_saturates() {
        let interactions = |weight| Affinity::Interactions {
            weight,
            as_of_ms: 0,
        };
        assert_eq!(affinity(Affinity::Own, 0, 1.0), UNITS);
        assert_eq!(affinity(Affinity::NONE, 0, 1.0), 0);
        assert_eq!(affinity(interactions(3.0), 0, 1.0), UNITS / 2);
        assert_eq!(affinity(interactions(6.0), 10, 10.0), UNITS / 2);
        assert_eq!(affinity(interactions(-1.0), 0, 1.0), 0);
    }

    #[test]
    fn quality_is_smoothed() {
        let of = |likes, reposts, opens, impressions| {
            quality(&Counters {
                likes,
                reposts,
                opens,
                impressions,
                report_trust: 9,
            })
        };
        assert_eq!(of(0, 0, 0, 0), UNITS / 20);
        assert_eq!(of(4, 0, 0, 80), UNITS / 20);
        assert_eq!(of(1, 1, 4, 80), UNITS / 20);
        assert!(of(1, 0, 0, 1) < UNITS / 10);
        assert!(of(u32::MAX, u32::MAX, u32::MAX, 0) <= UNITS);
    }

    #[test]
    fn negative_needs_more_reports_of_what_many_were_shown() {
        let of = |report_trust, impressions, spam| {
            let counters = Counters {
                impressions,
                report_trust,
                ..Counters::default()
            };
            negative(&counters, spam)
        };
        assert_eq!(of(0, 0, 0), 0);
        assert_eq!(of(500, 0, 0), UNITS / 2);
        assert_eq!(of(1500, 1000, 0), UNITS / 2);
        assert_eq!(of(0, 1000, 25), UNITS / 4);
        assert_eq!(of(500, 0, 50), UNITS / 4 * 3);
        assert_eq!(of(0, 0, 255), UNITS);
        assert_eq!(of(u32::MAX, 0, 100), UNITS);
    }

    #[test]
    fn diversity_only_falls() {
        assert_eq!(author_diversity(0) + kind_diversity(0), UNITS);
        for chosen in 0..100 {
            assert!(author_diversity(chosen + 1) <= author_diversity(chosen));
            assert!(kind_diversity(chosen + 1) <= kind_diversity(chosen));
        }
        assert_eq!(author_diversity(40), 0);
    }
}
