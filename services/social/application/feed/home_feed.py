"""The home feed: sources, filters and ranking, page, hydration, muted words; and again until the page is full."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.social.application.feed.ports import FeedMetrics, Hydrator, MutedWords, Pick, Sources, Stage
from services.social.application.feed.position import Item, Mode, Page, Position
from services.social.application.feed.select_posts import SelectPosts
from services.social.application.feed.sources import GatherSources

# A page whose posts are all deleted or muted is filled anew this often before it is given back short.
_REFILLS_MAX: Final = 20


class HomeFeed:
    """Serves pages. Posts that vanish between ranking and hydrating are replaced by those that follow."""

    def __init__(
        self,
        gather: GatherSources,
        select: SelectPosts,
        hydrator: Hydrator,
        muted: MutedWords,
        clock: Clock,
        metrics: FeedMetrics,
    ) -> None:
        self._gather = gather
        self._select = select
        self._hydrator = hydrator
        self._muted = muted
        self._clock = clock
        self._metrics = metrics

    async def page(self, viewer_id: int, mode: Mode, size: int, position: Position | None) -> Page:
        """The page at a position, the first when it is None. AppError UNAVAILABLE when neither store can answer."""
        begins = position or Position(mode, self._clock.now_ms())
        page = Page(begins.ranked_at_ms, position=begins)
        if begins.in_archive:
            await self._gather.catch_up(viewer_id)
        sources: Sources | None = None
        for _ in range(_REFILLS_MAX):
            here, wanted = page.position, size - len(page.items)
            if here is None or wanted <= 0:
                break
            try:
                if sources is None and not here.in_archive:
                    sources = await self._sources(viewer_id)
                page.position = await self._fill(page, viewer_id, here, wanted, sources)
            except AppError:
                if not page.items:
                    raise
                # A store went away on the way: what there is now, and the rest when it is asked for again.
                page.missing.add(Stage.ARCHIVE if here.in_archive else Stage.HYDRATION)
                break
        for stage in page.missing:
            self._metrics.degraded(stage)
        return page

    async def _sources(self, viewer_id: int) -> Sources:
        started = time.perf_counter()
        sources = await self._gather.sources(viewer_id)
        self._metrics.stage("sources", time.perf_counter() - started)
        return sources

    async def _fill(
        self, page: Page, viewer_id: int, here: Position, wanted: int, sources: Sources | None
    ) -> Position | None:
        """Add to the page what comes next; where the scroll stands then."""
        started = time.perf_counter()
        part = await self._select.next(viewer_id, here, wanted, sources)
        selected = time.perf_counter()
        self._metrics.stage("archive" if here.in_archive else "select", selected - started)
        page.missing |= part.missing
        if part.picks:
            items = await self._hydrated(page, part.picks, viewer_id)
            page.items += await self._unmuted(page, items, viewer_id)
            self._metrics.stage("hydrate", time.perf_counter() - selected)
        if here.mode is Mode.RANKED and part.after is not None:
            page.ranked_down_to = part.after.floor
        return part.after

    async def _hydrated(self, page: Page, picks: Sequence[Pick], viewer_id: int) -> list[Item]:
        posts, missing = await self._hydrator.hydrate([pick.shows for pick in picks], viewer_id)
        page.missing |= missing
        reposts = [pick.post_id for pick in picks if pick.shows != pick.post_id]
        reposters = await self._hydrator.authors(reposts) if reposts else {}
        return [
            Item(
                pick.shows,
                posts[pick.shows],
                pick.source,
                pick.terms,
                pick.seen_before,
                pick.post_id if pick.shows != pick.post_id else 0,
                reposters.get(pick.post_id, b""),
            )
            for pick in picks
            if pick.shows in posts and (pick.shows == pick.post_id or pick.post_id in reposters)
        ]

    async def _unmuted(self, page: Page, items: list[Item], viewer_id: int) -> list[Item]:
        try:
            words = await self._muted.of(viewer_id)
        except AppError:
            page.missing.add(Stage.VIEWER_STATE)
            return items
        if not words:
            return items
        hidden = self._muted.hide([item.post for item in items], words)
        return [item for item, is_hidden in zip(items, hidden, strict=True) if not is_hidden]
