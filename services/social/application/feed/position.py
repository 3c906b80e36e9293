"""Pages of the feed, and where a scroll stands between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from services.chassis.ids import MAX_ID
from services.social.application.feed.ports import Pick, Source, Stage, Terms


class Mode(IntEnum):
    """Order of the feed, as daira.social.v1.FeedMode numbers it."""

    RANKED = 1
    LATEST = 2


@dataclass(frozen=True, slots=True)
class Position:
    """Where a scroll stands. Everything a next page depends on is in here, and nothing of it in a store.

    The window of a scroll goes from the post `floor` up to the post `ceiling`, both settled by its first page. RANKED:
    `shown` are the posts of the pages before, in order; what else is in the window is still to come, the best first.
    LATEST: what is older than `before` is. Past the window, `in_archive`: what is older than `before`, but for
    `skipped`, which were shown already.
    """

    mode: Mode
    ranked_at_ms: int
    ceiling: int = MAX_ID
    floor: int = 0
    before: int = MAX_ID
    shown: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    in_archive: bool = False

    @property
    def is_first(self) -> bool:
        """Whether nothing was shown yet."""
        return self.ceiling == MAX_ID


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a page; `post` is a serialised daira.social.v1.Post, `reposted_by` a serialised Profile or empty."""

    post_id: int
    post: bytes
    source: Source
    terms: Terms | None = None
    seen_before: bool = False
    repost_id: int = 0
    reposted_by: bytes = b""


@dataclass(slots=True)
class Page:
    """A page of the feed; `position` is None at the end, `missing` is what it was made without."""

    ranked_at_ms: int
    items: list[Item] = field(default_factory=list)
    position: Position | None = None
    missing: set[Stage] = field(default_factory=set)
    ranked_down_to: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """Picks that come next, and where the scroll stands after them; None at the end."""

    picks: list[Pick]
    after: Position | None
    missing: frozenset[Stage] = frozenset()
