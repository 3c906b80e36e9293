"""The ranking vectorised with NumPy: what a data team would write, as a baseline for the extension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

EPOCH_MS = 1_704_067_200_000
UNITS = 1e9
GONE = np.int64(-(2**62))  # the key of a post that was chosen or must wait; below every score


@dataclass(frozen=True)
class Weights:
    """Integer percent of each term; half-lives in milliseconds."""

    affinity: int = 35
    quality: int = 35
    freshness: int = 15
    diversity: int = 10
    negative: int = 40
    freshness_half_life_ms: float = 43_200_000.0
    affinity_half_life_ms: float = 2_592_000_000.0


@dataclass(frozen=True)
class Columns:
    """Features of posts for one viewer, one row a post, sorted by id; float64 where not an id."""

    ids: Ids
    author_ids: Ids
    kinds: Ids
    likes: Floats
    reposts: Floats
    opens: Floats
    impressions: Floats
    report_trust: Floats  # percent
    spams: Floats  # percent
    own: NDArray[np.bool_]
    weights: Floats
    as_of_ms: Floats


def rank(
    columns: Columns, sources: Sequence[Ids], now_ms: int, *, cap: int, weights: Weights | None = None
) -> tuple[Ids, Ids]:
    """Merge the sources, keep the newest `cap` known posts, rank them: ids and scores (units of 1e-11)."""
    rules = weights or Weights()
    merged = np.unique(np.concatenate(sources)) if sources else np.empty(0, np.int64)
    rows = np.searchsorted(columns.ids, merged)
    known = rows < len(columns.ids)
    rows = rows[known][columns.ids[rows[known]] == merged[known]]
    newest_first = rows[-cap:][::-1]
    return _greedy(columns, newest_first, _base_scores(columns, newest_first, now_ms, rules), rules)


def _base_scores(columns: Columns, rows: NDArray[np.intp], now_ms: int, rules: Weights) -> Ids:
    """Scores without diversity."""
    impressions, reports, spam = columns.impressions[rows], columns.report_trust[rows] / 100, columns.spams[rows] / 100
    engaged = columns.likes[rows] + 2.0 * columns.reposts[rows] + 0.25 * columns.opens[rows]
    elapsed = np.maximum(0.0, now_ms - columns.as_of_ms[rows])
    decayed = columns.weights[rows] * np.exp2(-elapsed / rules.affinity_half_life_ms)
    affinity = np.where(columns.own[rows], 1.0, decayed / (decayed + 3.0))
    quality = (engaged + 1.0) / (np.maximum(impressions, engaged) + 20.0)
    age = np.maximum(0, now_ms - EPOCH_MS - (columns.ids[rows] >> 22)).astype(np.float64)
    freshness = np.exp2(-age / rules.freshness_half_life_ms)
    reported = reports / (reports + 5.0 + 0.01 * impressions)
    negative = reported + spam - reported * spam
    return (
        rules.affinity * _units(affinity)
        + rules.quality * _units(quality)
        + rules.freshness * _units(freshness)
        - rules.negative * _units(negative)
    )


def _greedy(columns: Columns, rows: NDArray[np.intp], base: Ids, rules: Weights) -> tuple[Ids, Ids]:
    """Choose one post after another; each step is a few vector operations over all that wait."""
    count = len(rows)
    author, posts_of_author = _grouped(columns.author_ids[rows])
    kind, posts_of_kind = _grouped(columns.kinds[rows])
    author_gain = rules.diversity * _units(0.7 * np.exp2(-np.arange(count + 1, dtype=np.float64)))
    kind_gain = rules.diversity * _units(0.3 / (1.0 + np.arange(count + 1, dtype=np.float64)))
    chosen_of_author, chosen_of_kind = [0] * len(posts_of_author), [0] * len(posts_of_kind)
    keys = base + author_gain[0] + kind_gain[0] if count else base
    order, scores = np.empty(count, np.int64), np.empty(count, np.int64)
    last, streak = -1, 0
    for step in range(count):
        best = int(keys.argmax())  # the first of equals: rows are newest first, so the greatest id
        if streak >= 2 and author[best] == last:
            paused = posts_of_author[last]
            before = keys[paused]
            keys[paused] = GONE
            other = int(keys.argmax())
            if keys[other] > GONE // 2:
                best = other
            keys[paused] = before
        order[step], scores[step] = best, keys[best]
        of_author, of_kind = author[best], kind[best]
        streak = streak + 1 if of_author == last else 1
        last = of_author
        keys[best] = GONE
        taken = chosen_of_author[of_author]
        keys[posts_of_author[of_author]] += author_gain[taken + 1] - author_gain[taken]
        chosen_of_author[of_author] = taken + 1
        taken = chosen_of_kind[of_kind]
        keys[posts_of_kind[of_kind]] += kind_gain[taken + 1] - kind_gain[taken]
        chosen_of_kind[of_kind] = taken + 1
    return columns.ids[rows[order]], scores


def _grouped(labels: Ids) -> tuple[list[int], list[NDArray[np.intp]]]:
    """A dense number for each label, and the positions that each number has."""
    _, dense, counts = np.unique(labels, return_inverse=True, return_counts=True)
    positions = np.argsort(dense, kind="stable")
    return dense.tolist(), np.split(positions, np.cumsum(counts)[:-1])


def _units(fractions: Floats) -> Ids:
    return np.floor(fractions * UNITS + 0.5).astype(np.int64)
