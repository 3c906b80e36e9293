"""What the feed needs of the outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


class FeatureRow(NamedTuple):
    """What ranking knows of a post."""

    post_id: int
    author_id: int
    kind: int
    likes: int
    reports: int


class Following(NamedTuple):
    """Whom a viewer follows, and the head of the event log as of the same moment."""

    authors: Sequence[int]
    head_pos: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Where candidates come from: ids of an inbox, and authors whose posts the feature table lists.

    Below `floor` the inbox was cut, so posts that the viewer should see may be missing; 0 when nothing is.
    """

    inbox: Sequence[bytes]
    authors: Sequence[int]
    floor: int = 0
    degraded: bool = False


class Ranked(Protocol):
    """A ranked order."""

    @property
    def ids(self) -> Sequence[int]:
        """Post ids, best first."""
        ...

    def terms_of(self, post_ids: Collection[int]) -> dict[int, Terms]:
        """Why these of the posts stand where they stand."""
        ...


class Ranker(Protocol):
    """The feature table of this process and the ranking over it; one call a feed."""

    @property
    def floor(self) -> int:
        """Below this id the table may lack posts, for they made way for newer ones; 0 when it lacks none."""
        ...

    def rank(self, viewer_id: int, sources: Sources, now_ms: int, ceiling_id: int) -> Ranked:
        """The newest 800 candidates up to the ceiling, ranked."""
        ...

    def rank_only(self, viewer_id: int, post_ids: Sequence[int], now_ms: int) -> Ranked:
        """Those of the posts that still exist, ranked among themselves."""
        ...

    def newest(self, sources: Sources, limit: int) -> list[int]:
        """The newest candidates, newest first."""
        ...

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """An author's newest posts in the table, below an id, newest first."""
        ...

    def authors_of(self, post_ids: Sequence[int]) -> list[int]:
        """Who wrote the posts, 0 where the table does not know."""
        ...


class Features(Protocol):
    """What keeps the feature table full, and how far it has followed the event log."""

    async def learn(self, inbox: Sequence[bytes]) -> None:
        """Bring posts that the table has never seen into it. AppError UNAVAILABLE when Postgres is away."""
        ...

    async def reached(self, pos: int) -> bool:
        """Wait a moment until the table holds everything up to the position; whether it does."""
        ...


class Inbox(Protocol):
    """The viewer's inbox, built when it is not there."""

    async def read(self, viewer_id: int) -> Sequence[bytes]:
        """The entries with their markers; a bottom above zero means cut. AppError UNAVAILABLE without Redis."""
        ...

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        """Forget inboxes, if Redis is there: the next read rebuilds them."""
        ...


class FeedStore(Protocol):
    """Reads of the store of record. Each raises AppError UNAVAILABLE when it is away."""

    async def fan_in_followees(self, viewer_id: int) -> list[int]:
        """Authors above the border whom the viewer follows."""
        ...

    async def following(self, viewer_id: int) -> Following:
        """Everybody whom the viewer follows."""
        ...

    async def newest(self, viewer_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts of followees and of the viewer below an id."""
        ...

    async def of_author(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts of an author below an id."""
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

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int) -> tuple[Mapping[int, bytes], bool]:
        """Those that still exist, and whether a store was away. AppError UNAVAILABLE when that leaves none."""
        ...
