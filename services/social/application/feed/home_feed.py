"""The home feed: select ids, keep the order, hydrate, and fill the page up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.social.application.feed.ports import Hydrator, Ranker, Sessions, Source
from services.social.application.feed.position import Item, Mode, Page, Position, Slice
from services.social.application.feed.select_posts import SelectIds
from services.social.application.feed.sources import GatherSources

# A page whose posts have all been deleted is filled anew this often before it is given back short.
_REFILLS_MAX: Final = 20


class HomeFeed:
    """Serves pages. Posts that vanish between ranking and hydrating are replaced by those that follow."""

    def __init__(
        self,
        select: SelectIds,
        gather: GatherSources,
        ranker: Ranker,
        sessions: Sessions,
        hydrator: Hydrator,
        clock: Clock,
    ) -> None:
        self._select = select
        self._gather = gather
        self._ranker = ranker
        self._sessions = sessions
        self._hydrator = hydrator
        self._clock = clock

    async def page(self, viewer_id: int, mode: Mode, size: int, position: Position | None) -> Page:
        """The page at a position, the first when it is None. AppError UNAVAILABLE when neither store can answer."""
        here: Position | None = position or Position(mode, self._clock.now_ms())
        page = Page(here.ranked_at_ms if here else 0)
        for _ in range(_REFILLS_MAX):
            if here is None or len(page.items) >= size:
                break
            try:
                part = await self._select.next(viewer_id, here, size - len(page.items))
                await self._add(page, part, viewer_id)
            except AppError:
                if not page.items:
                    raise
                # A store went away on the way: what there is now, and the rest when it is asked for again.
                page.degraded = True
                break
            here = part.after
        page.position = here
        return page

    async def _add(self, page: Page, part: Slice, viewer_id: int) -> None:
        if not part.ids:
            page.degraded = page.degraded or part.degraded
            return
        is_kept = True
        hydrating = self._hydrator.hydrate(part.ids, viewer_id)
        if part.order and part.after is not None:
            saving = self._sessions.save(viewer_id, part.after.nonce, part.order)
            (posts, away), is_kept = await asyncio.gather(hydrating, saving)
        else:
            posts, away = await hydrating
        page.degraded = page.degraded or part.degraded or away or not is_kept
        sources = await self._sources(part, viewer_id)
        page.items += [
            Item(post_id, posts[post_id], sources[post_id], part.terms.get(post_id))
            for post_id in part.ids
            if post_id in posts
        ]

    async def _sources(self, part: Slice, viewer_id: int) -> Mapping[int, Source]:
        if part.from_archive:
            return dict.fromkeys(part.ids, Source.ARCHIVE)
        merged = await self._gather.merged_authors(viewer_id)
        authors = self._ranker.authors_of(part.ids)
        return {
            post_id: Source.AUTHOR if author in merged else Source.INBOX
            for post_id, author in zip(part.ids, authors, strict=True)
        }
