"""Terms, scores and the order of a feed: straight from their definitions, in the plainest Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
UNITS = 1_000_000_000  # terms are rounded to units of 1e-9
MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Settings:
    """Weights in integer percent; half-lives in seconds."""

    affinity: int = 35
    quality: int = 35
    freshness: int = 15
    diversity: int = 10
    negative: int = 40
    freshness_half_life_s: float = 43_200.0
    affinity_half_life_s: float = 2_592_000.0


@dataclass(frozen=True)
class Candidate:
    """What ranking knows of one candidate, for one viewer; a repost has the counters of its original."""

    post_id: int
    author_id: int
    kind: int
    likes: int = 0
    reposts: int = 0
    opens: int = 0
    impressions: int = 0
    report_trust: int = 0  # sum over the reporters, in percent
    spam: int = 0  # percent
    own: bool = False  # the viewer made the candidate
    weight: float = 0.0  # decayed sum of the viewer's interactions with the author, as it stood at as_of_ms
    as_of_ms: int = 0


@dataclass(frozen=True)
class Ranked:
    """One post of a ranked feed: terms in units of 1e-9, score in units of 1e-11."""

    post_id: int
    affinity: int
    quality: int
    freshness: int
    diversity: int
    negative: int
    score: int


Chosen = tuple[int, int]  # the author and the kind of a post that was chosen


def rank(
    candidates: Iterable[Candidate],
    now_ms: int,
    settings: Settings | None = None,
    *,
    shown: Sequence[Chosen] = (),
    seen: Collection[int] = (),
) -> list[Ranked]:
    """Order all candidates greedily, as `now_ms` sees them.

    Each step takes the greatest (score, id) given those already taken; after two posts in a row of one
    author, another author's post if one waits. `shown` counts as taken before; those whose ids are in
    `seen` come after all others.
    """
    rules = settings or Settings()
    everything = list(candidates)
    chosen = list(shown)
    ranked: list[Ranked] = []
    for is_seen in (False, True):
        waiting = [post for post in everything if (post.post_id in seen) is is_seen]
        while waiting:
            best, post = _best(waiting, chosen, now_ms, rules)
            waiting.remove(post)
            chosen.append((post.author_id, post.kind))
            ranked.append(best)
    return ranked


def _best(waiting: list[Candidate], chosen: list[Chosen], now_ms: int, rules: Settings) -> tuple[Ranked, Candidate]:
    """The next post and its score."""
    allowed = waiting
    if len(chosen) >= 2 and chosen[-1][0] == chosen[-2][0]:
        allowed = [post for post in waiting if post.author_id != chosen[-1][0]] or waiting
    of_author = Counter(author_id for author_id, _ in chosen)
    of_kind = Counter(kind for _, kind in chosen)
    scored = [(_score(post, of_author[post.author_id], of_kind[post.kind], now_ms, rules), post) for post in allowed]
    return max(scored, key=lambda pair: (pair[0].score, pair[0].post_id))


def _score(post: Candidate, of_author: int, of_kind: int, now_ms: int, rules: Settings) -> Ranked:
    """The score of a post after `of_author` posts of its author and `of_kind` of its kind were chosen."""
    affinity = UNITS if post.own else _affinity(post, now_ms, rules)
    quality = _quality(post)
    freshness = _units(decay(now_ms - created_ms(post.post_id), rules.freshness_half_life_s))
    # The two parts are rounded each: so posts of one kind keep their order whatever is chosen of the kind.
    diversity = _units(0.7 * math.exp2(-of_author)) + _units(0.3 / (1 + of_kind))
    negative = _negative(post)
    score = (
        rules.affinity * affinity
        + rules.quality * quality
        + rules.freshness * freshness
        + rules.diversity * diversity
        - rules.negative * negative
    )
    return Ranked(post.post_id, affinity, quality, freshness, diversity, negative, score)


def _affinity(post: Candidate, now_ms: int, rules: Settings) -> int:
    weight = post.weight * decay(now_ms - post.as_of_ms, rules.affinity_half_life_s)
    return _units(weight / (weight + 3.0))


def _quality(post: Candidate) -> int:
    engaged = post.likes + 2.0 * post.reposts + 0.25 * post.opens
    return _units((engaged + 20 * 0.05) / (max(post.impressions, engaged) + 20))


def _negative(post: Candidate) -> int:
    reports = post.report_trust / 100
    reported = reports / (reports + 5.0 + 0.01 * post.impressions)
    spam = post.spam / 100
    return _units(reported + spam - reported * spam)


def decay(age_ms: int, half_life_s: float) -> float:
    """What is left of one after an age; all of it before its time."""
    return math.exp2(-max(0, age_ms) / (half_life_s * 1000.0))


def _units(fraction: float) -> int:
    return math.floor(fraction * UNITS + 0.5)


def created_ms(post_id: int) -> int:
    """Unix milliseconds at which the id was made."""
    return EPOCH_MS + (post_id >> 22)
