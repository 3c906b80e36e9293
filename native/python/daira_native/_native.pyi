"""Types of the compiled module; checked against it with mypy.stubtest."""

from collections.abc import Sequence
from typing import final

@final
class RankSettings:
    """Weights in integer percent, half-lives in seconds, bounds. ValueError if out of range."""

    def __new__(
        cls,
        *,
        weights: tuple[int, int, int, int, int] = (35, 35, 15, 10, 40),
        freshness_half_life_s: float = 43_200.0,
        affinity_half_life_s: float = 2_592_000.0,
        max_candidates: int = 4096,
        max_posts: int = 2_000_000,
        posts_per_author: int = 1000,
    ) -> RankSettings: ...

@final
class RankedFeed:
    """One ranked feed; immutable."""

    @property
    def ids(self) -> bytes:
        """Packed little-endian int64 post ids, best first."""

    @property
    def floor_id(self) -> int:
        """The oldest candidate's id; 0 if no candidate was left out."""

    @property
    def candidates(self) -> int:
        """How many posts were ranked."""

    def terms(
        self, start: int, count: int
    ) -> list[tuple[int, float, float, float, float, float, float]]:
        """Id, affinity, quality, freshness, diversity, negative and score from rank `start` on."""

    def __len__(self) -> int: ...

@final
class FeatureTable:
    """Features of hot posts; thread-safe, and every call releases the interpreter.

    Columns are packed little-endian bytes of one length; ValueError if they are not.
    """

    def __new__(cls, settings: RankSettings) -> FeatureTable: ...
    def upsert_posts(
        self, post_ids: bytes, author_ids: bytes, kinds: bytes, likes: bytes, reports: bytes
    ) -> int:
        """Add posts or replace their counters (i64, i64, u8, u32, u32); how many were new.

        A deleted post stays deleted.
        """

    def delete_posts(self, post_ids: bytes) -> int:
        """Delete posts, known or still to come (i64); how many were not deleted before."""

    def set_followers(self, author_ids: bytes, counts: bytes) -> None:
        """Set absolute follower counts (i64, u32)."""

    def add_followers(self, author_ids: bytes, deltas: bytes) -> None:
        """Change follower counts (i64, i32); never below zero."""

    def set_affinities(
        self, viewer_ids: bytes, author_ids: bytes, weights: bytes, as_of_ms: bytes
    ) -> None:
        """Set decayed like counts as they stood at as_of_ms (i64, i64, f64, i64)."""

    def add_likes(
        self, viewer_ids: bytes, post_ids: bytes, at_ms: bytes, deltas: bytes
    ) -> int:
        """Move like counts and affinities (i64, i64, i64, i8); how many posts were known.

        For a delta of -1, at_ms is the time of the like that is taken back.
        """

    def add_reports(self, post_ids: bytes, deltas: bytes) -> int:
        """Change report counts (i64, i8); how many posts were known."""

    def rank(
        self,
        viewer_id: int,
        inbox: Sequence[bytes],
        authors: Sequence[int],
        now_ms: int,
        *,
        ceiling_id: int,
        candidate_cap: int = 800,
        limit: int,
    ) -> RankedFeed:
        """Rank the newest `candidate_cap` live posts of the inbox and the authors.

        `inbox` holds decimal ids as Redis returns them (those at or below 0 are ignored), in any
        order and with repeats. Posts above `ceiling_id`, unknown and deleted ones do not count.
        """

    def latest(
        self,
        viewer_id: int,
        inbox: Sequence[bytes],
        authors: Sequence[int],
        *,
        before_id: int,
        limit: int,
    ) -> list[int]:
        """The newest live posts of the same sources below `before_id`, newest first."""

    def missing(self, inbox: Sequence[bytes]) -> list[int]:
        """Ids the table has never seen, in the order given; deleted ones are not among them."""

    def author_posts(self, author_id: int, *, before_id: int, limit: int) -> list[int]:
        """An author's newest live posts below `before_id`, newest first."""

    def authors_of(self, post_ids: Sequence[int]) -> list[int]:
        """The authors' ids, 0 for unknown posts."""

    def stats(self) -> dict[str, int]:
        """posts, deleted, authors, affinities, bytes, post_bytes and evicted_to.

        post_bytes is the part of bytes that grows with posts, indexes included. At or below the id
        evicted_to posts may be missing because they made way for newer ones.
        """

    def checksum(self) -> int:
        """A checksum over live posts, follower counts and affinities, independent of order."""

def source_hash() -> str:
    """The hash of the sources the module was built from."""
