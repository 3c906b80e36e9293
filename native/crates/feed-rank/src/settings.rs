//! The numbers a ranking is made with, checked once.

use thiserror::Error;

/// Greatest weight: a term may count for the whole score.
const WEIGHT_MAX_PERCENT: u8 = 100;

/// Why settings were refused.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum SettingsError {
    /// A weight above 100 percent.
    #[error("a weight must be 0 to 100 percent, not {0}")]
    Weight(u8),
    /// A half-life that is not a positive, finite number of seconds.
    #[error("a half-life must be a positive number of seconds, not {0}")]
    HalfLife(f64),
}

/// What each term counts for, in integer percent; `negative` is subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Weight of affinity.
    pub affinity: u8,
    /// Weight of quality.
    pub quality: u8,
    /// Weight of freshness.
    pub freshness: u8,
    /// Weight of diversity.
    pub diversity: u8,
    /// Weight of negative signals.
    pub negative: u8,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            affinity: 35,
            quality: 35,
            freshness: 15,
            diversity: 10,
            negative: 40,
        }
    }
}

/// Weights and half-lives, valid by construction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSettings {
    weights: Weights,
    freshness_half_life_ms: f64,
    affinity_half_life_ms: f64,
}

impl RankSettings {
    /// Checks and takes the settings; half-lives are in seconds.
    ///
    /// # Errors
    /// [`SettingsError`] for a weight above 100 or a half-life that is not positive and finite.
    pub fn new(
        weights: Weights,
        freshness_half_life_s: f64,
        affinity_half_life_s: f64,
    ) -> Result<Self, SettingsError> {
        let Weights {
            affinity,
            quality,
            freshness,
            diversity,
            negative,
        } = weights;
        for weight in [affinity, quality, freshness, diversity, negative] {
            if weight > WEIGHT_MAX_PERCENT {
                return Err(SettingsError::Weight(weight));
            }
        }
        for half_life in [freshness_half_life_s, affinity_half_life_s] {
            if !(half_life.is_finite() && half_life > 0.0) {
                return Err(SettingsError::HalfLife(half_life));
            }
        }
        Ok(Self {
            weights,
            freshness_half_life_ms: freshness_half_life_s * 1000.0,
            affinity_half_life_ms: affinity_half_life_s * 1000.0,
        })
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// Milliseconds after which freshness has halved.
    #[must_use]
    pub fn freshness_half_life_ms(&self) -> f64 {
        self.freshness_half_life_ms
    }

    /// Milliseconds after which an interaction counts half for affinity.
    #[must_use]
    pub fn affinity_half_life_ms(&self) -> f64 {
        self.affinity_half_life_ms
    }
}

impl Default for RankSettings {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            freshness_half_life_ms: 43_200_000.0,
            affinity_half_life_ms: 2_592_000_000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_settings_are_refused() {
        let heavy = Weights {
            quality: 101,
            ..Weights::default()
        };
        assert_eq!(
            RankSettings::new(heavy, 1.0, 1.0),
            Err(SettingsError::Weight(101))
        );
        for bad in [0.0, -1.0, f64::INFINITY] {
            let refused = Err(SettingsError::HalfLife(bad));
            assert_eq!(RankSettings::new(Weights::default(), bad, 1.0), refused);
            assert_eq!(RankSettings::new(Weights::default(), 1.0, bad), refused);
        }
        assert!(RankSettings::new(Weights::default(), f64::NAN, 1.0).is_err());
    }

    #[test]
    fn default_is_the_documented_one() {
        let made = RankSettings::new(Weights::default(), 43_200.0, 2_592_000.0);
        assert_eq!(made, Ok(RankSettings::default()));
    }
}
