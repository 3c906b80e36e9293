"""The extension behind the Ranker port: this is the only file of social that imports it."""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Sequence
from typing import Final

import daira_native
from services.chassis.ids import MAX_ID
from services.social.adapters.feed_metrics import FeedMetrics
from services.social.application.feed.ports import FeatureRow, Hot, Pick, Source, Sources, Terms
from services.social.domain.ranking import WEIGHTS

CANDIDATES: Final = 800
POSTS_PER_AUTHOR: Final = 1000
# More than anybody may follow by default, for an inbox of no use is replaced by everybody followed.
_SOURCES_MAX: Final = 65_536
# Later pages take the whole window that the first one settled, and what has joined it since.
_WINDOW_MAX: Final = 4_096
# A full table forgets its oldest posts; how far is asked once in so many new ones.
_FLOOR_EVERY: Final = 256
# The extension's bits of a relation, and of where an item comes from.
_BLOCKS, _BLOCKED, _MUTES = 1, 2, 4
_FROM_INBOX, _OWN = 1, 4
# The extension's feature row: id, author, original, likes, reposts, opens, impressions, trust, followers, kind, spam.
_FEATURES: Final = struct.Struct("<qqqIIIIIIBB6x")


class NativeRanker:
    """The feature table of this process: fed by events, asked by feeds."""

    def __init__(self, *, freshness_half_life_s: float, max_posts: int, metrics: FeedMetrics) -> None:
        settings = daira_native.RankSettings(
            weights=WEIGHTS,
            freshness_half_life_s=freshness_half_life_s,
            max_candidates=_SOURCES_MAX,
            max_posts=max_posts,
            posts_per_author=POSTS_PER_AUTHOR,
        )
        self.max_posts: Final = max_posts
        self._table = daira_native.FeatureTable(settings)
        self._metrics = metrics
        self._floor = 0
        self._added = 0

    @property
    def floor(self) -> int:
        """Below this id the table may lack posts; 0 when it lacks none."""
        return self._floor

    def ranked(
        self,
        viewer_id: int,
        sources: Sources,
        now_ms: int,
        *,
        floor: int,
        ceiling: int,
        shown: Sequence[int],
        limit: int,
    ) -> Hot:
        """The best of the window after those shown, in one call."""
        feed = self._table.rank(
            viewer_id, sources.inbox, sources.authors, now_ms,
            floor_id=floor, ceiling_id=ceiling, shown=packed("q", shown), seen=sources.seen,
            candidate_cap=_WINDOW_MAX if shown else CANDIDATES, limit=limit,
        )  # fmt: skip
        self._metrics.ranked(feed.candidates, feed.dropped, feed.nanoseconds)
        rows = feed.terms(0, len(feed))
        seen_from = feed.seen_from
        columns = zip(rows, unpacked(feed.originals), feed.sources, strict=True)
        picks = [
            Pick(row[0], shows, _source(bits), Terms._make(row[1:]), rank >= seen_from)
            for rank, (row, shows, bits) in enumerate(columns)
        ]
        return Hot(picks, feed.window_floor, feed.newest_id)

    def latest(self, viewer_id: int, sources: Sources, *, floor: int, ceiling: int, before: int, limit: int) -> Hot:
        """The newest of the window that are older than `before`."""
        feed = self._table.latest(
            viewer_id, sources.inbox, sources.authors,
            floor_id=floor, ceiling_id=ceiling, before_id=before, candidate_cap=CANDIDATES, limit=limit,
        )  # fmt: skip
        self._metrics.ranked(feed.candidates, feed.dropped, feed.nanoseconds)
        columns = zip(unpacked(feed.ids), unpacked(feed.originals), feed.sources, strict=True)
        picks = [Pick(post_id, shows, _source(bits)) for post_id, shows, bits in columns]
        return Hot(picks, feed.window_floor, feed.newest_id)

    def count_newer(self, viewer_id: int, sources: Sources, newer_than: int, limit: int) -> int:
        """How many posts of others, up to `limit`, a feed would have that are newer."""
        return self._table.count_newer(viewer_id, sources.inbox, sources.authors, newer_than=newer_than, limit=limit)

    def newest(self, authors: Sequence[int], limit: int) -> list[int]:
        """The newest posts and reposts of authors, deleted ones left out, nothing else filtered; newest first."""
        return self._table.newest((), authors, before_id=MAX_ID, limit=limit)

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """An author's newest posts in the table, reposts left out, below an id, newest first."""
        return self._table.author_posts(author_id, before_id=before_id, limit=limit)

    def hidden_authors(self, viewer_id: int) -> list[int]:
        """Whom the viewer's feed shows nothing of: blocked either way, or muted."""
        return self._table.hidden_authors(viewer_id)

    def reported_posts(self, viewer_id: int) -> list[int]:
        """Posts that the viewer reported."""
        return self._table.reported_posts(viewer_id)

    def counts_of(self, post_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Likes and reposts of those posts that the table has and that are not deleted."""
        rows = _FEATURES.iter_unpack(self._table.features(decimals(post_ids)))
        return {row[0]: (row[3], row[4]) for row in rows if row[0]}

    def missing(self, inbox: Sequence[bytes]) -> list[int]:
        """Ids that the table has never seen, and originals of known reposts that it has never seen."""
        return self._table.missing(inbox)

    def deleted(self, post_ids: Sequence[int]) -> set[int]:
        """Those of the posts that the table knows to be deleted."""
        inbox = decimals(post_ids)
        live = {row[0] for row in _FEATURES.iter_unpack(self._table.features(inbox))}
        return set(post_ids) - live - set(self._table.missing(inbox))

    def add(self, rows: Sequence[FeatureRow]) -> None:
        """Add posts with their counters, or set the counters of those that are there."""
        if not rows:
            return
        posts, authors, kinds, likes, reposts, opens, impressions, trust, spams, originals = zip(*rows, strict=True)
        new = self._table.upsert_posts(
            packed("q", posts), packed("q", authors), bytes(kinds),
            packed("I", likes), packed("I", reposts), packed("I", opens), packed("I", impressions), packed("I", trust),
            bytes(spams), packed("q", originals),
        )  # fmt: skip
        before = self._added
        self._added += new
        if self._added > self.max_posts and self._added // _FLOOR_EVERY != before // _FLOOR_EVERY:
            self.raise_floor(self._table.stats()["evicted_to"] + 1)

    def post_created(
        self, post_id: int, author_id: int, kind: int, *, original_id: int = 0, spam_percent: int = 0
    ) -> None:
        """A new post; one that is there already keeps its counters."""
        if self._table.authors_of([post_id]) == [0]:
            self.add([FeatureRow(post_id, author_id, kind, 0, 0, 0, 0, 0, spam_percent, original_id)])

    def post_deleted(self, post_id: int) -> None:
        """The post is in no feed any more."""
        self._table.delete_posts(packed("q", [post_id]))

    def counted(
        self, post_id: int, *, likes: int = 0, reposts: int = 0, opens: int = 0, impressions: int = 0, trust: int = 0
    ) -> None:
        """Counters of a post changed by so much."""
        columns = [packed("i", [change]) for change in (likes, reposts, opens, impressions, trust)]
        self._table.add_counts(packed("q", [post_id]), *columns)

    def interacted(self, viewer_id: int, author_id: int, at_ms: int, weight: float) -> None:
        """A viewer did something with a post of an author, or took back what was done at `at_ms`."""
        one = packed("q", [viewer_id]), packed("q", [author_id]), packed("q", [at_ms])
        self._table.add_interactions(*one, packed("d", [weight]))

    def viewer_reported(self, viewer_id: int, post_id: int) -> None:
        """The viewer is not shown the post any more."""
        self._table.add_viewer_reports(packed("q", [viewer_id]), packed("q", [post_id]))

    def add_viewer_reports(self, pairs: Sequence[tuple[int, int]]) -> None:
        """(viewer, post) of reports."""
        if pairs:
            viewers, posts = zip(*pairs, strict=True)
            self._table.add_viewer_reports(packed("q", viewers), packed("q", posts))

    def blocked(self, blocker_id: int, blocked_id: int, *, on: bool) -> None:
        """One person blocks another, or no longer: neither is shown the other."""
        self._relate(blocker_id, blocked_id, _BLOCKS, on=on)
        self._relate(blocked_id, blocker_id, _BLOCKED, on=on)

    def muted(self, muter_id: int, muted_id: int, *, on: bool) -> None:
        """One person mutes another, or no longer."""
        self._relate(muter_id, muted_id, _MUTES, on=on)

    def went_private(self, author_id: int, *, on: bool) -> None:
        """The author's posts are for followers only, or for everybody again."""
        self._table.set_private(packed("q", [author_id]), bytes((on,)))

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

    def _relate(self, viewer_id: int, other_id: int, bit: int, *, on: bool) -> None:
        pair = packed("q", [viewer_id]), packed("q", [other_id])
        self._table.set_relations(*pair, bytes((bit if on else 0,)), bytes((bit,)))


def _source(bits: int) -> Source:
    if bits & _OWN:
        return Source.OWN
    return Source.INBOX if bits & _FROM_INBOX else Source.AUTHOR


def hide_muted(posts: Sequence[bytes], words: Sequence[str]) -> list[bool]:
    """Which of the serialised posts have one of the words."""
    return daira_native.hide_muted(posts, words)


def fold_words(phrase: str) -> str:
    """A muted word or phrase as it is compared; empty when there is nothing to compare."""
    return daira_native.fold_words(phrase)


def seen_build(post_ids: Sequence[int], capacity: int) -> bytes:
    """A filter for `capacity` posts that has these."""
    return daira_native.seen_build(packed("q", post_ids), capacity)


def seen_contains(filter_bytes: bytes, post_ids: Sequence[int]) -> list[bool]:
    """Whether the filter has each of the posts."""
    return daira_native.seen_contains(filter_bytes, packed("q", post_ids))


def seen_bits(size_bytes: int, post_ids: Sequence[int]) -> list[int]:
    """The bits to set for the posts in a filter of a size, as Redis counts them."""
    return daira_native.seen_bits(size_bytes, packed("q", post_ids))


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
