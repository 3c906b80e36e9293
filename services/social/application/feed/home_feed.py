"""The home feed: sources, rank, session, page, hydrate."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from services.chassis.clock import Clock
from services.chassis.ids import MAX_ID
from services.social.application.feed.gather import GatherSources
from services.social.application.feed.ports import FeedStore, Hydrator, Ranker, Sessions, Source, Terms

CANDIDATES: Final = 800
# A page whose posts have all been deleted is filled anew this often before it is given back short.
_REFILLS_MAX: Final = 20


class Mode(IntEnum):
    """Order of the feed, as daira.social.v1.FeedMode numbers it."""

    RANKED = 1
    LATEST = 2


@dataclass(frozen=True, slots=True)
class Position:
    """Where a scroll stands.

    RANKED: `offset` posts of the session `nonce` are read; its order is as of ranked_at_ms, of posts up to `ceiling`.
    Past the session, and in LATEST: everything from `before` on is read.
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
    """Ids that come next, why they are there, and where the scroll stands after them; None at the end."""

    ids: Sequence[int]
    source: Source
    after: Position | None
    terms: dict[int, Terms] = field(default_factory=dict)
    degraded: bool = False


class HomeFeed:
    """Serves pages. Posts that vanish between ranking and hydrating are replaced by those that follow."""

    def __init__(
        self,
        gather: GatherSources,
        ranker: Ranker,
        sessions: Sessions,
        store: FeedStore,
        hydrator: Hydrator,
        clock: Clock,
    ) -> None:
        self._gather = gather
        self._ranker = ranker
        self._sessions = sessions
        self._store = store
        self._hydrator = hydrator
        self._clock = clock

    async def page(self, viewer_id: int, mode: Mode, size: int, position: Position | None) -> Page:
        """The page at a position, the first when it is None. AppError UNAVAILABLE when neither store can answer."""
        here: Position | None = position or Position(mode, self._clock.now_ms())
        page = Page(here.ranked_at_ms if here else 0)
        for _ in range(_REFILLS_MAX):
            if here is None or len(page.items) >= size:
                break
            part = await self._next(viewer_id, here, size - len(page.items))
            posts, hydration_degraded = await self._hydrator.hydrate(part.ids, viewer_id)
            page.degraded = page.degraded or part.degraded or hydration_degraded
            page.items += [
                Item(post_id, posts[post_id], part.source, part.terms.get(post_id))
                for post_id in part.ids
                if post_id in posts
            ]
            here = part.after
        page.position = here
        return page

    async def _next(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        if here.in_archive:
            return await self._archive(viewer_id, here, wanted)
        if here.mode is Mode.LATEST:
            return await self._latest(viewer_id, here, wanted)
        if here.nonce == 0:
            return await self._rank(viewer_id, here, wanted)
        return await self._ranked_before(viewer_id, here, wanted)

    async def _rank(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        sources = await self._gather.sources(viewer_id)
        ranked = self._ranker.rank(viewer_id, sources, here.ranked_at_ms, here.ceiling)
        if not sources.complete and (not ranked.was_cut or min(ranked.ids) < sources.oldest_in_inbox):
            # The inbox was cut, and what is left of it does not reach down to the last candidate: ask the truth.
            sources = await self._gather.from_store(viewer_id, degraded=sources.degraded)
            ranked = self._ranker.rank(viewer_id, sources, here.ranked_at_ms, here.ceiling)
        order = ranked.ids
        if not order:
            return await self._archive(viewer_id, replace(here, in_archive=True), wanted, degraded=sources.degraded)
        settled = replace(here, nonce=1 + secrets.randbits(62), ceiling=max(order), before=min(order))
        degraded = sources.degraded
        if len(order) > wanted:
            degraded = not await self._sessions.save(viewer_id, settled.nonce, order) or degraded
        return self._of_order(order, settled, wanted, ranked.terms(0, wanted), degraded=degraded)

    async def _ranked_before(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        order: Sequence[int] | None = await self._sessions.load(viewer_id, here.nonce)
        sources = await self._gather.sources(viewer_id)
        degraded = order is None or sources.degraded
        ranked = self._ranker.rank(viewer_id, sources, here.ranked_at_ms, here.ceiling)
        if order is None:
            # Ranked anew as of the first page's moment, over the posts that it could have had.
            order = [post_id for post_id in ranked.ids if post_id >= here.before]
        shown = set(order[here.offset : here.offset + wanted])
        terms = {post_id: why for post_id, why in ranked.terms(0, len(ranked.ids)).items() if post_id in shown}
        return self._of_order(order, here, wanted, terms, degraded=degraded)

    def _of_order(
        self, order: Sequence[int], here: Position, wanted: int, terms: dict[int, Terms], *, degraded: bool
    ) -> Slice:
        ids = order[here.offset : here.offset + wanted]
        after = replace(here, offset=here.offset + len(ids), in_archive=here.offset + len(ids) >= len(order))
        return Slice(ids, Source.INBOX, after, terms, degraded)

    async def _latest(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        sources = await self._gather.sources(viewer_id)
        ids = self._ranker.latest(viewer_id, sources, here.before, wanted)
        if not sources.complete:
            ids = [post_id for post_id in ids if post_id >= sources.oldest_in_inbox]
        before = ids[-1] if ids else here.before
        after = replace(here, before=before, in_archive=len(ids) < wanted)
        return Slice(ids, Source.INBOX, after, degraded=sources.degraded)

    async def _archive(self, viewer_id: int, here: Position, wanted: int, *, degraded: bool = False) -> Slice:
        ids = await self._store.newest(viewer_id, here.before, wanted)
        after = replace(here, before=ids[-1]) if len(ids) == wanted else None
        return Slice(ids, Source.ARCHIVE, after, degraded=degraded)
