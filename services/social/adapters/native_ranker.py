"""The extension behind the Ranker port: this is the only file of social that imports it."""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Collection, Sequence
from typing import Final

import daira_native
from services.chassis.ids import MAX_ID
from services.social.application.feed.ports import FeatureRow, Sources, Terms

CANDIDATES: Final = 800
POSTS_PER_AUTHOR: Final = 1000
# More than anybody may follow by default, for an inbox of no use is replaced by everybody followed.
_SOURCES_MAX: Final = 65_536
# A full table forgets its oldest posts; how far is asked once in so many new ones.
_FLOOR_EVERY: Final = 256
# The extension's feature row: id, author, likes, reports, followers, kind, padding.
_FEATURES: Final = struct.Struct("<qqIIIB3x")


class NativeRanked:
    """A ranked order as the extension gives it."""

    def __init__(self, feed: daira_native.RankedFeed) -> None:
        self._feed = feed
        self._ids = unpacked(feed.ids)

    @property
    def ids(self) -> Sequence[int]:
        """Post ids, best first."""
        return self._ids

    def terms_of(self, post_ids: Collection[int]) -> dict[int, Terms]:
        """Why these of the posts stand where they stand."""
        asked = set(post_ids)
        ranks = [rank for rank, post_id in enumerate(self._ids) if post_id in asked]
        if not ranks:
            return {}
        if ranks[-1] - ranks[0] < 2 * len(ranks):
            rows = self._feed.terms(ranks[0], ranks[-1] - ranks[0] + 1)
        else:
            rows = [row for rank in ranks for row in self._feed.terms(rank, 1)]
        return {row[0]: Terms._make(row[1:]) for row in rows if row[0] in asked}


class NativeRanker:
    """The feature table of this process: fed by events, asked by feeds."""

    def __init__(self, *, freshness_half_life_s: float, max_posts: int) -> None:
        settings = daira_native.RankSettings(
            freshness_half_life_s=freshness_half_life_s,
            max_candidates=_SOURCES_MAX,
            max_posts=max_posts,
            posts_per_author=POSTS_PER_AUTHOR,
        )
        self.max_posts: Final = max_posts
        self._table = daira_native.FeatureTable(settings)
        self._floor = 0
        self._added = 0

    @property
    def floor(self) -> int:
        """Below this id the table may lack posts; 0 when it lacks none."""
        return self._floor

    def rank(self, viewer_id: int, sources: Sources, now_ms: int, ceiling_id: int) -> NativeRanked:
        """The newest 800 candidates up to the ceiling, ranked, in one call."""
        feed = self._table.rank(
            viewer_id, sources.inbox, sources.authors, now_ms,
            ceiling_id=ceiling_id, candidate_cap=CANDIDATES, limit=CANDIDATES,
        )  # fmt: skip
        return NativeRanked(feed)

    def rank_only(self, viewer_id: int, post_ids: Sequence[int], now_ms: int) -> NativeRanked:
        """Those of the posts that still exist, ranked among themselves."""
        return self.rank(viewer_id, Sources(decimals(post_ids), ()), now_ms, MAX_ID)

    def newest(self, sources: Sources, limit: int) -> list[int]:
        """The newest candidates, newest first."""
        return self._table.latest(0, sources.inbox, sources.authors, before_id=MAX_ID, limit=limit)

    def missing(self, inbox: Sequence[bytes]) -> list[int]:
        """Ids that the table has never seen."""
        return self._table.missing(inbox)

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """An author's newest posts in the table, below an id, newest first."""
        return self._table.author_posts(author_id, before_id=before_id, limit=limit)

    def authors_of(self, post_ids: Sequence[int]) -> list[int]:
        """Who wrote the posts, 0 where the table does not know."""
        return self._table.authors_of(post_ids)

    def likes_of(self, post_ids: Sequence[int]) -> dict[int, int]:
        """Like counts of those posts that the table has and that are not deleted."""
        rows = _FEATURES.iter_unpack(self._table.features(decimals(post_ids)))
        return {row[0]: row[2] for row in rows if row[0]}

    def deleted(self, post_ids: Sequence[int]) -> set[int]:
        """Those of the posts that the table knows to be deleted."""
        inbox = decimals(post_ids)
        live = {row[0] for row in _FEATURES.iter_unpack(self._table.features(inbox))}
        return set(post_ids) - live - set(self._table.missing(inbox))

    def add(self, rows: Sequence[FeatureRow]) -> None:
        """Add posts with their counters, or set the counters of those that are there."""
        if rows:
            posts, authors, kinds, likes, reports = zip(*rows, strict=True)
            columns = packed("q", posts), packed("q", authors), bytes(kinds), packed("I", likes), packed("I", reports)
            self._count(self._table.upsert_posts(*columns))

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

    def raise_floor(self, post_id: int) -> None:
        """The table was filled from this id on only."""
        self._floor = max(self._floor, post_id)

    def stats(self) -> dict[str, int]:
        """Sizes, for metrics."""
        return self._table.stats()

    def checksum(self) -> int:
        """Of all content, whatever order it came in."""
        return self._table.checksum()

    def _count(self, new: int) -> None:
        before = self._added
        self._added += new
        if self._added > self.max_posts and self._added // _FLOOR_EVERY != before // _FLOOR_EVERY:
            self.raise_floor(self._table.stats()["evicted_to"] + 1)


def decimals(post_ids: Sequence[int]) -> list[bytes]:
    """Ids as an inbox has them."""
    return [b"%d" % post_id for post_id in post_ids]


def packed(code: str, values: Sequence[int] | Sequence[float]) -> bytes:
    """A column of little-endian values of struct's code."""
    return struct.pack(f"<{len(values)}{code}", *values)


def unpacked(column: bytes) -> Sequence[int]:
    """The ids of a packed column."""
    ids = array.array("q", column)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids.tolist()
