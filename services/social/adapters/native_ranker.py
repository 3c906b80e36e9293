"""The extension behind the Ranker port: this is the only file of social that imports it."""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Sequence
from typing import Final

import daira_native
from services.chassis.ids import MAX_ID
from services.social.application.feed.ports import FeatureRow, Sources, Terms

CANDIDATES: Final = 800
POSTS_PER_AUTHOR: Final = 1000


class NativeRanked:
    """A ranked order as the extension gives it."""

    def __init__(self, feed: daira_native.RankedFeed) -> None:
        self._feed = feed
        self._ids = unpacked(feed.ids)

    @property
    def ids(self) -> Sequence[int]:
        """Post ids, best first."""
        return self._ids

    @property
    def was_cut(self) -> bool:
        """Whether candidates were left out at the cap."""
        return self._feed.floor_id != 0

    def terms(self, start: int, count: int) -> dict[int, Terms]:
        """Why the posts of these ranks stand there."""
        return {row[0]: Terms(*row[1:]) for row in self._feed.terms(start, count)}


class NativeRanker:
    """The feature table of this process: fed by events, asked by feeds."""

    def __init__(self, *, freshness_half_life_s: float, max_posts: int) -> None:
        settings = daira_native.RankSettings(
            freshness_half_life_s=freshness_half_life_s, max_posts=max_posts, posts_per_author=POSTS_PER_AUTHOR
        )
        self._table = daira_native.FeatureTable(settings)

    def rank(self, viewer_id: int, sources: Sources, now_ms: int, ceiling_id: int) -> NativeRanked:
        """The newest 800 candidates up to the ceiling, ranked, in one call."""
        feed = self._table.rank(
            viewer_id, sources.inbox, sources.authors, now_ms,
            ceiling_id=ceiling_id, candidate_cap=CANDIDATES, limit=CANDIDATES,
        )  # fmt: skip
        return NativeRanked(feed)

    def latest(self, viewer_id: int, sources: Sources, before_id: int, limit: int) -> list[int]:
        """The newest candidates below an id."""
        return self._table.latest(viewer_id, sources.inbox, sources.authors, before_id=before_id, limit=limit)

    def missing(self, inbox: Sequence[bytes]) -> list[int]:
        """Ids that the table has never seen."""
        return self._table.missing(inbox)

    def add(self, rows: Sequence[FeatureRow]) -> None:
        """Add posts with their counters, or set the counters of those that are there."""
        if rows:
            posts, authors, kinds, likes, reports = zip(*rows, strict=True)
            columns = packed("q", posts), packed("q", authors), bytes(kinds), packed("I", likes), packed("I", reports)
            self._table.upsert_posts(*columns)

    def post_created(self, post_id: int, author_id: int, kind: int) -> None:
        """A new post; one that is there already keeps its counters."""
        if self._table.authors_of([post_id]) == [0]:
            self.add([FeatureRow(post_id, author_id, kind, 0, 0)])

    def post_deleted(self, post_id: int) -> None:
        """The post is in no feed any more."""
        self._table.delete_posts(packed("q", [post_id]))

    def liked(self, viewer_id: int, post_id: int, author_id: int, at_ms: int, delta: int) -> None:
        """A like given at at_ms, or that like taken back."""
        one = packed("q", [viewer_id]), packed("q", [post_id]), packed("q", [at_ms]), packed("b", [delta])
        self._table.add_likes(*one, author_ids=packed("q", [author_id]))

    def reported(self, post_id: int) -> None:
        """One more person reported the post."""
        self._table.add_reports(packed("q", [post_id]), packed("b", [1]))

    def followed(self, author_id: int, delta: int) -> None:
        """A follower won or lost."""
        self._table.add_followers(packed("q", [author_id]), packed("i", [delta]))

    def set_followers(self, rows: Sequence[tuple[int, int]]) -> None:
        """(author, followers) absolute."""
        if rows:
            authors, counts = zip(*rows, strict=True)
            self._table.set_followers(packed("q", authors), packed("I", counts))

    def set_affinities(self, rows: Sequence[tuple[int, int, float, int]]) -> None:
        """(viewer, author, weight, as of milliseconds) absolute."""
        if rows:
            viewers, authors, weights, moments = zip(*rows, strict=True)
            self._table.set_affinities(
                packed("q", viewers), packed("q", authors), packed("d", weights), packed("q", moments)
            )

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """An author's newest posts in the table."""
        return self._table.author_posts(author_id, before_id=min(before_id, MAX_ID), limit=limit)

    def stats(self) -> dict[str, int]:
        """Sizes, for metrics."""
        return self._table.stats()


def packed(code: str, values: Sequence[int] | Sequence[float]) -> bytes:
    """A column of little-endian values of struct's code."""
    return struct.pack(f"<{len(values)}{code}", *values)


def unpacked(column: bytes) -> Sequence[int]:
    """The ids of a packed column."""
    ids = array.array("q", column)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids.tolist()
