"""The feed in the plainest Python: what the platform must serve, computed from its events.

Nothing here is fast or shared with the product: the standard library only, and every number is
recomputed from the definition each time. Tests hold the extension and the served feeds to it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.oracles.events import (
    BlockChanged,
    Event,
    MuteChanged,
    PostCreated,
    PostDeleted,
    PostLiked,
    PostReported,
    PostSeen,
    PostUnliked,
    PrivacyChanged,
    State,
    UserFollowed,
    UserUnfollowed,
    replay,
)
from tests.oracles.ranking import (
    EPOCH_MS,
    MAX_ID,
    UNITS,
    Candidate,
    Ranked,
    Settings,
    created_ms,
    decay,
    rank,
)
from tests.oracles.window import Window, count_newer, refusal, sources, window

__all__ = [
    "EPOCH_MS",
    "MAX_ID",
    "UNITS",
    "BlockChanged",
    "Candidate",
    "Event",
    "Mode",
    "MuteChanged",
    "Page",
    "PostCreated",
    "PostDeleted",
    "PostLiked",
    "PostReported",
    "PostSeen",
    "PostUnliked",
    "PrivacyChanged",
    "Ranked",
    "Settings",
    "State",
    "Tallies",
    "UserFollowed",
    "UserUnfollowed",
    "Window",
    "affinity_weight",
    "candidate",
    "count_newer",
    "created_ms",
    "home_feed",
    "page",
    "rank",
    "refusal",
    "replay",
    "sources",
    "tally",
    "window",
]

Mode = Literal["ranked", "latest"]


@dataclass
class Tallies:
    """What the state adds up to: counted once, since counting anew for each post of each feed takes hours."""

    posts: dict[int, PostCreated]
    likes: Counter[int]  # of a post
    reposts: Counter[int]  # of a post
    opens: Counter[int]  # of a post
    impressions: Counter[int]  # of a post
    report_trust: Counter[int]  # of a post
    interactions: dict[tuple[int, int], list[tuple[float, int]]]  # (viewer, author) -> what it counts for, and when


def tally(state: State) -> Tallies:
    """Count everything that ranking asks for; what people did with posts that are gone now counts too."""
    reposts = [post for post in state.posts.values() if post.original_id and post.post_id not in state.deleted]
    acts = [
        *((1.0, post_id, user_id, at_ms) for (post_id, user_id), at_ms in state.likes.items()),
        *((2.0, post.original_id, post.author_id, created_ms(post.post_id)) for post in reposts),
        *((0.25, post_id, user_id, at_ms) for post_id, user_id, at_ms in state.openings),
    ]
    interactions: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for weight, post_id, user_id, at_ms in acts:
        if post_id in state.posts:
            interactions.setdefault((user_id, state.posts[post_id].author_id), []).append((weight, at_ms))
    report_trust: Counter[int] = Counter()
    for (post_id, _), trust in state.reports.items():
        report_trust[post_id] += trust
    return Tallies(
        posts=state.posts,
        likes=Counter(post_id for post_id, _ in state.likes),
        reposts=Counter(post.original_id for post in reposts),
        opens=Counter(post_id for post_id, _, _ in state.openings),
        impressions=state.impressions,
        report_trust=report_trust,
        interactions=interactions,
    )


def candidate(counts: Tallies, viewer_id: int, post: PostCreated, rules: Settings) -> Candidate:
    """The features of one candidate for one viewer."""
    weight, as_of_ms = affinity_weight(counts, viewer_id, post.author_id, rules)
    shown = counts.posts[post.shown_id]
    return Candidate(
        post_id=post.post_id,
        author_id=post.author_id,
        kind=post.kind,
        likes=counts.likes[shown.post_id],
        reposts=counts.reposts[shown.post_id],
        opens=counts.opens[shown.post_id],
        impressions=counts.impressions[shown.post_id],
        report_trust=counts.report_trust[shown.post_id],
        spam=shown.spam,
        own=post.author_id == viewer_id,
        weight=weight,
        as_of_ms=as_of_ms,
    )


def affinity_weight(counts: Tallies, viewer_id: int, author_id: int, rules: Settings) -> tuple[float, int]:
    """The decayed sum of the viewer's interactions with the author, as of the last one."""
    acts = counts.interactions.get((viewer_id, author_id), [])
    as_of_ms = max((at_ms for _, at_ms in acts), default=0)
    return math.fsum(weight * decay(as_of_ms - at_ms, rules.affinity_half_life_s) for weight, at_ms in acts), as_of_ms


@dataclass(frozen=True)
class Page:
    """A page of the hot part of a ranked feed."""

    ranked: list[Ranked]
    window: Window
    seen_from: int  # how many candidates were not seen before
    candidates: int  # how many were not shown on earlier pages
    dropped: Counter[str]


def page(
    state: State,
    viewer_id: int,
    now_ms: int,
    hot: Window,
    *,
    shown: Sequence[int] = (),
    seen: Collection[int] = (),
    limit: int = 800,
    settings: Settings | None = None,
    tallies: Tallies | None = None,
) -> Page:
    """The next posts of a scroll that has shown the candidates `shown`, in that order.

    `seen` are ids of posts (never of reposts) that the viewer was shown before, in whatever scroll.
    """
    rules, counts = settings or Settings(), tallies or tally(state)
    known = [state.posts[post_id] for post_id in shown if post_id in state.posts]
    gone = {post.shown_id for post in known} | set(shown)
    left = [post for post in hot.posts if post.shown_id not in gone]
    others = [post for post in left if viewer_id not in (post.author_id, state.posts[post.shown_id].author_id)]
    later = {post.post_id for post in others if post.shown_id in seen}
    ranked = rank(
        [candidate(counts, viewer_id, post, rules) for post in left],
        now_ms,
        rules,
        shown=[(post.author_id, post.kind) for post in known],
        seen=later,
    )
    dropped = hot.dropped + Counter(shown=len(hot.posts) - len(left), seen=len(later))
    return Page(ranked[:limit], hot, len(left) - len(later), len(left), dropped)


def home_feed(
    state: State,
    viewer_id: int,
    now_ms: int,
    mode: Mode,
    cap: int = 800,
    ceiling_id: int = MAX_ID,
    settings: Settings | None = None,
    tallies: Tallies | None = None,
    seen: Collection[int] = (),
) -> list[int]:
    """The ids of all posts that a person's home feed shows, in order: of a repost, what it passes on.

    The hot window of their own posts and of those whom they follow, reposts among them, then the archive:
    posts below the window, newest first, without reposts and what reposts have shown. `tallies` of the
    same state spare counting them again.
    """
    authors = [viewer_id, *(followee for follower, followee in state.follows if follower == viewer_id)]
    runs = sources(state, [], authors)
    hot = window(state, viewer_id, runs, ceiling_id=ceiling_id, cap=cap)
    order = [post.post_id for post in hot.posts]
    if mode == "ranked":
        ranked = page(state, viewer_id, now_ms, hot, seen=seen, limit=cap, settings=settings, tallies=tallies).ranked
        order = [post.post_id for post in ranked]
    shown = [state.posts[post_id].shown_id for post_id in order]
    older = {post_id for run in runs for post_id in run if post_id < hot.floor} - set(shown)
    archive = [
        post_id
        for post_id in sorted(older, reverse=True)
        if not state.posts[post_id].original_id and not refusal(state, viewer_id, post_id)
    ]
    return shown + archive
