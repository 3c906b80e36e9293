"""What the feed needs of the outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol


class Source(IntEnum):
    """Where an item came from, as daira.social.v1.FeedSource numbers it."""

    INBOX = 1
    AUTHOR = 2
    ARCHIVE = 3
    OWN = 4


class Stage(IntEnum):
    """A part of making a feed that the answer can do without, as daira.social.v1.FeedStage numbers it."""

    INBOX = 1
    FAN_IN = 2
    SEEN = 3
    FEATURES = 4
    HYDRATION = 5
    VIEWER_STATE = 6
    ARCHIVE = 7


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
    reposts: int
    opens: int
    impressions: int
    report_trust: int
    spam_percent: int
    original_id: int


class Following(NamedTuple):
    """Whom a viewer follows, and the head of the event log as of the same moment."""

    authors: Sequence[int]
    head_pos: int


class InboxRead(NamedTuple):
    """A viewer's inbox: ids as Redis has them, complete from `floor` on; and the filter of what the viewer has seen.

    `seen` is None when the filter is not there and has to be built.
    """

    entries: Sequence[bytes]
    floor: int
    seen: bytes | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where candidates come from: ids of an inbox, and authors whose posts the feature table lists.

    Below `floor` posts that the viewer should see may be missing; 0 when none are. `missing` names what was away.
    """

    inbox: Sequence[bytes]
    authors: Sequence[int]
    floor: int = 0
    seen: bytes = b""
    missing: frozenset[Stage] = field(default=frozenset())


class Pick(NamedTuple):
    """A post chosen for a feed. `shows` is the post on the screen: for a repost the one it passes on, else itself."""

    post_id: int
    shows: int
    source: Source
    terms: Terms | None = None
    seen_before: bool = False


class Hot(NamedTuple):
    """Picks out of the hot window, in order; fewer than asked for at its end.

    The window is complete down to the post `floor`, below which the archive goes on; 0 when nothing is older. `newest`
    is the newest post in the window, shown or not; 0 when it is empty.
    """

    picks: Sequence[Pick]
    floor: int
    newest: int


class Ranker(Protocol):
    """The feature table of this process, and filtering and ranking over it: one call a page."""

    @property
    def floor(self) -> int:
        """Below this id the table may lack posts, for they made way for newer ones; 0 when it lacks none."""
        ...

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
        """The best of the window from `floor` to `ceiling` after those shown, which are the pages before, in order.

        Without any shown the window is the newest 800 of it.
        """
        ...

    def latest(self, viewer_id: int, sources: Sources, *, floor: int, ceiling: int, before: int, limit: int) -> Hot:
        """The newest of the window from `floor` to `ceiling` that are older than `before`."""
        ...

    def newest(self, authors: Sequence[int], limit: int) -> list[int]:
        """The newest posts of authors, deleted ones left out, nothing else filtered; newest first."""
        ...

    def count_newer(self, viewer_id: int, sources: Sources, newer_than: int, limit: int) -> int:
        """How many posts of others, up to `limit`, a feed would have that are newer."""
        ...

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """An author's newest posts in the table, reposts left out, below an id, newest first."""
        ...

    def hidden_authors(self, viewer_id: int) -> list[int]:
        """Whom the viewer's feed shows nothing of: blocked either way, or muted."""
        ...

    def reported_posts(self, viewer_id: int) -> list[int]:
        """Posts that the viewer reported."""
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

    async def read(self, viewer_id: int) -> InboxRead:
        """The inbox. AppError UNAVAILABLE without Redis, or without Postgres while building."""
        ...

    async def catch_up(self, viewer_id: int) -> None:
        """Take in what the viewer has just written anywhere, as `read` does, and nothing else; best effort."""
        ...


class SeenPosts(Protocol):
    """The filter of what a viewer has seen in the last week."""

    async def build(self, viewer_id: int) -> bytes:
        """Make it from the store of record, and keep it. AppError UNAVAILABLE when that is away."""
        ...


class MutedWords(Protocol):
    """The words that hide posts from a viewer's feed."""

    async def of(self, viewer_id: int) -> Sequence[str]:
        """The words, folded. AppError UNAVAILABLE when they are not remembered and the store is away."""
        ...

    def hide(self, posts: Sequence[bytes], words: Sequence[str]) -> list[bool]:
        """Which of the serialised posts have one of the words."""
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
        """The newest posts and reposts of followees and of the viewer below an id, for an inbox."""
        ...

    async def older(
        self, viewer_id: int, before_id: int, limit: int, *, without_authors: Collection[int], without: Collection[int]
    ) -> list[int]:
        """The newest posts, no reposts, of followees and of the viewer below an id, some left out."""
        ...

    async def of_author(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts, no reposts, of an author below an id."""
        ...


class Hydrated(NamedTuple):
    """Serialised daira.social.v1.Post of those posts that still exist and are shown, and what was away."""

    posts: Mapping[int, bytes]
    missing: frozenset[Stage]


class Hydrator(Protocol):
    """Posts as bytes of daira.social.v1.Post."""

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int, *, with_locked: bool = False) -> Hydrated:
        """Those that still exist and that the viewer sees what is in; locked ones too, empty, where they are wanted.

        AppError UNAVAILABLE when a store that is away leaves none.
        """
        ...

    async def authors(self, post_ids: Sequence[int]) -> Mapping[int, bytes]:
        """The authors of the posts as serialised daira.social.v1.Profile without counts; unknown posts left out."""
        ...


class FeedMetrics(Protocol):
    """What is counted of feeds, stage by stage."""

    def stage(self, name: str, seconds: float) -> None:
        """A stage took so long."""
        ...

    def degraded(self, stage: Stage) -> None:
        """A page was made without a stage."""
        ...
