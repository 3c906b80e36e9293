"""What the feed needs of the outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol


class Source(IntEnum):
    """Where an item came from, as daira.social.v1.FeedSource numbers it."""

    INBOX = 1
    AUTHOR = 2
    ARCHIVE = 3


class Terms(NamedTuple):
    """Why an item stands where it stands; each term in [0, 1]."""

    affinity: float
    quality: float
    freshness: float
    diversity: float
    negative: float
    score: float


@dataclass(frozen=True, slots=True)
class Sources:
    """Where candidates come from. `complete` is False when the inbox was cut: below its oldest id there may be more."""

    inbox: Sequence[bytes]
    authors: Sequence[int]
    complete: bool
    degraded: bool = False

    @property
    def oldest_in_inbox(self) -> int:
        """The least id of the inbox; 0 without entries."""
        return min((number for number in map(int, self.inbox) if number > 0), default=0)


class Ranked(Protocol):
    """A ranked order."""

    @property
    def ids(self) -> Sequence[int]:
        """Post ids, best first."""
        ...

    @property
    def was_cut(self) -> bool:
        """Whether candidates were left out at the cap."""
        ...

    def terms(self, start: int, count: int) -> dict[int, Terms]:
        """Why the posts of these ranks stand there."""
        ...


class Ranker(Protocol):
    """The feature table of this process and the ranking over it; one call a feed."""

    def rank(self, viewer_id: int, sources: Sources, now_ms: int, ceiling_id: int) -> Ranked:
        """The newest 800 candidates up to the ceiling, ranked."""
        ...

    def latest(self, viewer_id: int, sources: Sources, before_id: int, limit: int) -> list[int]:
        """The newest candidates below an id."""
        ...

    def missing(self, inbox: Sequence[bytes]) -> list[int]:
        """Ids that the table has never seen."""
        ...

    def add(self, rows: Sequence[FeatureRow]) -> None:
        """Add posts with their counters."""
        ...


class FeatureRow(NamedTuple):
    """What ranking knows of a post."""

    post_id: int
    author_id: int
    kind: int
    likes: int
    reports: int


class Inbox(Protocol):
    """The viewer's inbox, built when it is not there."""

    async def read(self, viewer_id: int) -> Sequence[bytes]:
        """The entries with their markers; a bottom above zero means cut. AppError UNAVAILABLE without Redis."""
        ...


class FeedStore(Protocol):
    """Reads of the store of record."""

    async def fan_in_followees(self, viewer_id: int) -> list[int]:
        """Authors above the border whom the viewer follows."""
        ...

    async def newest(self, viewer_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts of followees and of the viewer below an id."""
        ...

    async def of_author(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts of an author below an id."""
        ...

    async def features(self, post_ids: Sequence[int]) -> list[FeatureRow]:
        """Features of posts that are not deleted."""
        ...


class Sessions(Protocol):
    """Ranked orders, kept while they are scrolled through."""

    async def save(self, viewer_id: int, nonce: int, order: Sequence[int]) -> bool:
        """Keep an order; False when it could not be kept."""
        ...

    async def load(self, viewer_id: int, nonce: int) -> list[int] | None:
        """The order; None when it is gone."""
        ...


class Hydrator(Protocol):
    """Posts as bytes of daira.social.v1.Post."""

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int) -> tuple[dict[int, bytes], bool]:
        """Those that still exist, and whether a store was away."""
        ...
