"""The feed in the plainest Python: what the platform must serve, computed from its events.

Nothing here is fast or shared with the product: the standard library only, and every number is
recomputed from the definition each time. Tests hold the extension and the served feeds to it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
UNITS = 1_000_000_000  # terms are rounded to units of 1e-9
MAX_ID = 2**63 - 1
Mode = Literal["ranked", "latest"]


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
    """What ranking knows of one post, for one viewer."""

    post_id: int
    author_id: int
    kind: int
    likes: int
    reports: int
    followers: int  # of the author
    own: bool  # the viewer wrote it
    weight: float  # decayed count of the viewer's likes of the author's posts, as it stood at as_of_ms
    as_of_ms: int


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


# (1) Ranking


def rank(candidates: Iterable[Candidate], now_ms: int, settings: Settings | None = None) -> list[Ranked]:
    """Order all candidates greedily, as `now_ms` sees them.

    Each step takes the greatest (score, id) given those already taken; after two posts in a row of one
    author, another author's post if one waits.
    """
    rules = settings or Settings()
    waiting = list(candidates)
    chosen: list[Candidate] = []
    of_author: Counter[int] = Counter()
    of_kind: Counter[int] = Counter()
    ranked: list[Ranked] = []
    while waiting:
        allowed = waiting
        if len(chosen) >= 2 and chosen[-1].author_id == chosen[-2].author_id:
            others = [post for post in waiting if post.author_id != chosen[-1].author_id]
            allowed = others or waiting
        scored = [
            (_score(post, of_author[post.author_id], of_kind[post.kind], now_ms, rules), post) for post in allowed
        ]
        best, post = max(scored, key=lambda pair: (pair[0].score, pair[0].post_id))
        waiting.remove(post)
        chosen.append(post)
        of_author[post.author_id] += 1
        of_kind[post.kind] += 1
        ranked.append(best)
    return ranked


def _score(post: Candidate, of_author: int, of_kind: int, now_ms: int, rules: Settings) -> Ranked:
    """The score of a post after `of_author` posts of its author and `of_kind` of its kind were chosen."""
    affinity = UNITS if post.own else _affinity(post, now_ms, rules)
    quality = _units((post.likes + 20 * 0.05) / (max(post.followers, post.likes) + 20))
    freshness = _units(_decay(now_ms - created_ms(post.post_id), rules.freshness_half_life_s))
    # The two parts are rounded each: so posts of one kind keep their order whatever is chosen of the kind.
    diversity = _units(0.7 * math.exp2(-of_author)) + _units(0.3 / (1 + of_kind))
    negative = _units(post.reports / (post.reports + 5.0 + 0.01 * post.followers))
    score = (
        rules.affinity * affinity
        + rules.quality * quality
        + rules.freshness * freshness
        + rules.diversity * diversity
        - rules.negative * negative
    )
    return Ranked(post.post_id, affinity, quality, freshness, diversity, negative, score)


def _affinity(post: Candidate, now_ms: int, rules: Settings) -> int:
    weight = post.weight * _decay(now_ms - post.as_of_ms, rules.affinity_half_life_s)
    return _units(weight / (weight + 3.0))


def _decay(age_ms: int, half_life_s: float) -> float:
    return math.exp2(-max(0, age_ms) / (half_life_s * 1000.0))


def _units(fraction: float) -> int:
    return math.floor(fraction * UNITS + 0.5)


def created_ms(post_id: int) -> int:
    """Unix milliseconds at which the id was made."""
    return EPOCH_MS + (post_id >> 22)


# (2) Replay


@dataclass(frozen=True)
class PostCreated:
    """An author published a post."""

    post_id: int
    author_id: int
    kind: int


@dataclass(frozen=True)
class PostDeleted:
    """A post is gone."""

    post_id: int


@dataclass(frozen=True)
class PostLiked:
    """A person likes a post since at_ms."""

    post_id: int
    user_id: int
    at_ms: int


@dataclass(frozen=True)
class PostUnliked:
    """A person no longer likes a post."""

    post_id: int
    user_id: int


@dataclass(frozen=True)
class PostReported:
    """A person reported a post."""

    post_id: int
    user_id: int


@dataclass(frozen=True)
class UserFollowed:
    """A person follows another."""

    follower_id: int
    followee_id: int


@dataclass(frozen=True)
class UserUnfollowed:
    """A person no longer follows another."""

    follower_id: int
    followee_id: int


Event = PostCreated | PostDeleted | PostLiked | PostUnliked | PostReported | UserFollowed | UserUnfollowed


@dataclass
class State:
    """Everything feeds depend on."""

    posts: dict[int, PostCreated] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    likes: dict[tuple[int, int], int] = field(default_factory=dict)  # (post, person) -> when
    reports: set[tuple[int, int]] = field(default_factory=set)  # (post, person)
    follows: set[tuple[int, int]] = field(default_factory=set)  # (follower, followee)


def replay(events: Iterable[Event], state: State | None = None) -> State:
    """Fold events, oldest first, into a state; a repeated event changes nothing."""
    folded = state or State()
    for event in events:
        _apply(folded, event)
    return folded


def _apply(state: State, event: Event) -> None:
    match event:
        case PostCreated():
            state.posts.setdefault(event.post_id, event)
        case PostDeleted():
            state.deleted.add(event.post_id)
        case PostLiked():
            state.likes.setdefault((event.post_id, event.user_id), event.at_ms)
        case PostUnliked():
            state.likes.pop((event.post_id, event.user_id), None)
        case PostReported():
            state.reports.add((event.post_id, event.user_id))
        case UserFollowed():
            state.follows.add((event.follower_id, event.followee_id))
        case UserUnfollowed():
            state.follows.discard((event.follower_id, event.followee_id))


# (3) The home feed


@dataclass
class Tallies:
    """What the state adds up to: counted once, since counting anew for each post of each feed takes hours."""

    likes: Counter[int]  # of a post
    reports: Counter[int]  # of a post
    followers: Counter[int]  # of an author
    like_times: dict[tuple[int, int], list[int]]  # (viewer, author) -> when; likes of deleted posts count too


def tally(state: State) -> Tallies:
    """Count everything that ranking asks for."""
    like_times: dict[tuple[int, int], list[int]] = {}
    for (post_id, user_id), at_ms in state.likes.items():
        if post_id in state.posts:
            like_times.setdefault((user_id, state.posts[post_id].author_id), []).append(at_ms)
    return Tallies(
        likes=Counter(post_id for post_id, _ in state.likes),
        reports=Counter(post_id for post_id, _ in state.reports),
        followers=Counter(followee for _, followee in state.follows),
        like_times=like_times,
    )


def home_feed(
    state: State,
    viewer_id: int,
    now_ms: int,
    mode: Mode,
    cap: int = 800,
    ceiling_id: int = MAX_ID,
    settings: Settings | None = None,
    tallies: Tallies | None = None,
) -> list[int]:
    """All ids of a person's home feed in order.

    Their own posts and those of whom they follow, up to `ceiling_id`: newest first, or with the newest
    `cap` ranked before the rest. `tallies` of the same state spare counting them again.
    """
    followees = {followee for follower, followee in state.follows if follower == viewer_id}
    authors = followees | {viewer_id}
    visible = [
        post
        for post in state.posts.values()
        if post.author_id in authors and post.post_id not in state.deleted and post.post_id <= ceiling_id
    ]
    newest = sorted(visible, key=lambda post: post.post_id, reverse=True)
    if mode == "latest":
        return [post.post_id for post in newest]
    rules, counts = settings or Settings(), tallies or tally(state)
    candidates = [candidate(counts, viewer_id, post, rules) for post in newest[:cap]]
    ranked = [post.post_id for post in rank(candidates, now_ms, rules)]
    return ranked + [post.post_id for post in newest[cap:]]


def candidate(counts: Tallies, viewer_id: int, post: PostCreated, rules: Settings) -> Candidate:
    """The features of one post for one viewer."""
    weight, as_of_ms = affinity_weight(counts, viewer_id, post.author_id, rules)
    return Candidate(
        post_id=post.post_id,
        author_id=post.author_id,
        kind=post.kind,
        likes=counts.likes[post.post_id],
        reports=counts.reports[post.post_id],
        followers=counts.followers[post.author_id],
        own=post.author_id == viewer_id,
        weight=weight,
        as_of_ms=as_of_ms,
    )


def affinity_weight(counts: Tallies, viewer_id: int, author_id: int, rules: Settings) -> tuple[float, int]:
    """The decayed count of the viewer's likes of the author's posts (deleted ones too), as of the last like."""
    times = counts.like_times.get((viewer_id, author_id), [])
    as_of_ms = max(times, default=0)
    return math.fsum(_decay(as_of_ms - at_ms, rules.affinity_half_life_s) for at_ms in times), as_of_ms
