"""Whether two samples come from one distribution, by two tests, and how far they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

KOLMOGOROV_TERMS = 100


@dataclass(frozen=True)
class Comparison:
    """Two-sided p-values, and Cliff's delta: how much oftener a value of the first is greater than smaller, -1 to 1."""

    rank_p: float
    ks_p: float
    delta: float
    median_difference: float


def compare(first: npt.ArrayLike, second: npt.ArrayLike) -> Comparison:
    """Mann-Whitney's U by its normal approximation, corrected for ties, and Kolmogorov's limit: both for n ≥ 20."""
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n, m = len(one), len(other)
    both = np.concatenate([one, other])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    # Equal values share the mean of their ranks.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = ranks[:n].sum() - n * (n + 1) / 2
    total = n + m
    ties = float(((counts.astype(float) ** 3) - counts).sum()) / (total * (total - 1))
    spread = math.sqrt(n * m / 12 * (total + 1 - ties))
    z = max(0.0, abs(u - n * m / 2) - 0.5) / spread if spread else 0.0
    return Comparison(
        rank_p=math.erfc(z / math.sqrt(2)),
        ks_p=_kolmogorov_p(_largest_gap(one, other) * math.sqrt(n * m / total)),
        delta=float(2 * u / (n * m) - 1),
        median_difference=float(np.median(one) - np.median(other)),
    )


def _largest_gap(one: np.ndarray, other: np.ndarray) -> float:
    """The greatest distance of the two distribution functions."""
    at = np.concatenate([one, other])
    below = np.searchsorted(np.sort(one), at, side="right") / len(one)
    others = np.searchsorted(np.sort(other), at, side="right") / len(other)
    return float(np.abs(below - others).max())


def _kolmogorov_p(x: float) -> float:
    if x < 0.2:  # the series does not converge there, and its value is 1 to twelve places
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, KOLMOGOROV_TERMS))
    return float(min(1.0, max(0.0, 2 * math.fsum(terms))))
