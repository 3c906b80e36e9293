"""A made-up set of hot posts with a fixed seed, in the columns that the feature table takes."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import daira_native
from services.chassis import ids

DAY_MS = 86_400_000


@dataclass(frozen=True)
class HotPosts:
    """Posts of some authors over the last days, newest last, with the table that holds them."""

    table: daira_native.FeatureTable
    settings: daira_native.RankSettings
    post_ids: tuple[int, ...]
    authors: tuple[int, ...]
    kinds: bytes
    likes: tuple[int, ...]
    reposts: tuple[int, ...]
    opens: tuple[int, ...]
    impressions: tuple[int, ...]
    report_trust: tuple[int, ...]  # percent
    spams: bytes  # percent
    followers: dict[int, int]
    affinities: dict[int, float]  # of the viewer, as of now
    now_ms: int
    viewer: int


def packed(code: str, values: list[int] | list[float] | tuple[int, ...]) -> bytes:
    """Values as little-endian columns of struct's code."""
    return struct.pack(f"<{len(values)}{code}", *values)


def hot_posts(count: int, authors: int, *, seed: int = 7, now_ms: int = ids.EPOCH_MS + 900 * DAY_MS) -> HotPosts:
    """`count` posts by `authors` people over three days, counters and followers skewed as in life."""
    chance = random.Random(seed)
    people = [ids.compose(ids.EPOCH_MS + chance.randrange(800 * DAY_MS), n % 1024, n % 4096) for n in range(authors)]
    followers = {person: int(chance.paretovariate(1.1) * 20) for person in people}
    moments = sorted(now_ms - chance.randrange(3 * DAY_MS) for _ in range(count))
    writers = [chance.choice(people) for _ in moments]
    post_ids = [
        ids.compose(moment, ids.shard_of(writer), n % 4096)
        for n, (moment, writer) in enumerate(zip(moments, writers, strict=True))
    ]
    likes = [min(int(chance.paretovariate(0.9)), 50_000) for _ in moments]
    reposts = [chance.randrange(1 + one // 8) for one in likes]
    opens = [chance.randrange(1 + one * 4) for one in likes]
    impressions = [one * chance.randrange(2, 40) for one in likes]
    report_trust = [chance.choice((0, 0, 0, 0, 0, 0, 0, 35, 180)) for _ in moments]
    spams = bytes(chance.choice((0, 0, 0, 0, 0, 10, 60)) for _ in moments)
    settings = daira_native.RankSettings()
    table = daira_native.FeatureTable(settings)
    kinds = bytes(chance.choice((1, 1, 1, 2, 3)) for _ in moments)
    table.upsert_posts(
        packed("q", post_ids),
        packed("q", writers),
        kinds,
        packed("I", likes),
        packed("I", reposts),
        packed("I", opens),
        packed("I", impressions),
        packed("I", report_trust),
        spams,
        bytes(8 * count),
    )
    table.set_followers(packed("q", people), packed("I", [min(n, 2**31) for n in followers.values()]))
    viewer = people[0]
    liked = people[1 : max(2, authors // 5)]
    weights = [chance.uniform(0.1, 20.0) for _ in liked]
    table.set_affinities(
        packed("q", [viewer] * len(liked)), packed("q", liked), packed("d", weights), packed("q", [now_ms] * len(liked))
    )
    return HotPosts(
        table=table,
        settings=settings,
        post_ids=tuple(post_ids),
        authors=tuple(writers),
        kinds=kinds,
        likes=tuple(likes),
        reposts=tuple(reposts),
        opens=tuple(opens),
        impressions=tuple(impressions),
        report_trust=tuple(report_trust),
        spams=spams,
        followers=followers,
        affinities=dict(zip(liked, weights, strict=True)),
        now_ms=now_ms,
        viewer=viewer,
    )
