"""Pages of the feed, and where a scroll stands between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from services.chassis.ids import MAX_ID
from services.social.application.feed.ports import Source, Terms


class Mode(IntEnum):
    """Order of the feed, as daira.social.v1.FeedMode numbers it."""

    RANKED = 1
    LATEST = 2


@dataclass(frozen=True, slots=True)
class Position:
    """Where a scroll stands.

    RANKED: `offset` posts of the session `nonce` are read; its order is as of ranked_at_ms, of posts from `before` to
    `ceiling`. Past the session, and in LATEST: everything below `before` is still to come.
    """

    mode: Mode
    ranked_at_ms: int
    nonce: int = 0
    offset: int = 0
    ceiling: int = MAX_ID
    before: int = MAX_ID
    in_archive: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a page; `post` is a serialised daira.social.v1.Post."""

    post_id: int
    post: bytes
    source: Source
    terms: Terms | None = None


@dataclass(slots=True)
class Page:
    """A page of the feed; `position` is None at the end."""

    ranked_at_ms: int
    items: list[Item] = field(default_factory=list)
    position: Position | None = None
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """Ids that come next, why they are there, and where the scroll stands after them; None at the end.

    `order` is a new ranked order that the next pages need.
    """

    ids: Sequence[int]
    after: Position | None
    terms: dict[int, Terms] = field(default_factory=dict)
    degraded: bool = False
    order: Sequence[int] = ()
    from_archive: bool = False
