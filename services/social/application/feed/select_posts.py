"""The ids that come next in a scroll: ranked, latest, or out of the archive."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.social.application.feed.ports import FeedStore, Ranked, Ranker, Sessions, Sources
from services.social.application.feed.position import Mode, Position, Slice
from services.social.application.feed.sources import GatherSources

CANDIDATES: Final = 800


class SelectIds:
    """The newest 800 posts that a viewer can see are the hot part of a feed; all that is older is the archive."""

    def __init__(self, gather: GatherSources, ranker: Ranker, sessions: Sessions, store: FeedStore) -> None:
        self._gather = gather
        self._ranker = ranker
        self._sessions = sessions
        self._store = store

    async def next(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        """At most `wanted` ids from a position on. AppError UNAVAILABLE when the stores it takes are away."""
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
        if not _reaches_down(ranked.ids, sources):
            sources = await self._gather.exact_and_rebuild(viewer_id)
            ranked = self._ranker.rank(viewer_id, sources, here.ranked_at_ms, here.ceiling)
        order = self._in_table(ranked.ids)
        before = self._archive_begins(order, here)
        if not order:
            archive = replace(here, before=before, in_archive=True)
            return await self._archive(viewer_id, archive, wanted, degraded=sources.degraded)
        settled = replace(here, nonce=1 + secrets.randbits(62), ceiling=max(order), before=before)
        kept = order if len(order) > wanted else ()
        return _of_order(order, settled, wanted, ranked, order_to_keep=kept, degraded=sources.degraded)

    async def _ranked_before(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        order: Sequence[int] | None = await self._sessions.load(viewer_id, here.nonce)
        if order is not None:
            # Ranked again for the terms only; the order stays.
            ranked = self._ranker.rank_only(viewer_id, order, here.ranked_at_ms)
            return _of_order(order, here, wanted, ranked)
        # Ranked anew as of the first page's moment, over the posts that it could have had.
        sources = await self._gather.exact(viewer_id)
        ranked = self._ranker.rank(viewer_id, sources, here.ranked_at_ms, here.ceiling)
        order = [post_id for post_id in ranked.ids if post_id >= here.before]
        return _of_order(order, here, wanted, ranked, order_to_keep=order, degraded=True)

    async def _latest(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        sources = await self._gather.sources(viewer_id)
        newest = self._ranker.newest(sources, CANDIDATES)
        if not _reaches_down(newest, sources):
            sources = await self._gather.exact_and_rebuild(viewer_id)
            newest = self._ranker.newest(sources, CANDIDATES)
        hot = self._in_table(newest)
        ids = [post_id for post_id in hot if post_id < here.before][:wanted]
        if len(ids) == wanted:
            return Slice(ids, replace(here, before=ids[-1]), degraded=sources.degraded)
        before = min(here.before, self._archive_begins(hot, here))
        return Slice(ids, replace(here, before=before, in_archive=True), degraded=sources.degraded)

    async def _archive(self, viewer_id: int, here: Position, wanted: int, *, degraded: bool = False) -> Slice:
        ids = await self._store.newest(viewer_id, here.before, wanted)
        after = replace(here, before=ids[-1]) if len(ids) == wanted else None
        return Slice(ids, after, degraded=degraded, from_archive=True)

    def _in_table(self, ids: Sequence[int]) -> Sequence[int]:
        """Without those below the table's floor: there it has some posts and lacks others."""
        floor = self._ranker.floor
        return [post_id for post_id in ids if post_id >= floor] if floor else ids

    def _archive_begins(self, hot: Sequence[int], here: Position) -> int:
        if len(hot) < CANDIDATES and self._ranker.floor:
            return min(here.before, self._ranker.floor)
        return min(hot, default=here.before)


def _reaches_down(ids: Sequence[int], sources: Sources) -> bool:
    """Whether a cut inbox reaches down to the last of 800 candidates."""
    return not sources.floor or (len(ids) >= CANDIDATES and min(ids) >= sources.floor)


def _of_order(
    order: Sequence[int],
    here: Position,
    wanted: int,
    ranked: Ranked,
    *,
    order_to_keep: Sequence[int] = (),
    degraded: bool = False,
) -> Slice:
    shown = order[here.offset : here.offset + wanted]
    read = here.offset + len(shown)
    terms = ranked.terms_of(shown)
    after = replace(here, offset=read, in_archive=read >= len(order))
    return Slice(shown, after, terms, degraded, order_to_keep)
