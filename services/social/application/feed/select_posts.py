"""The posts that come next in a scroll: ranked, latest, or out of the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.chassis.ids import first_id_at
from services.social.application.feed.ports import FeedStore, Hot, Pick, Ranker, Source, Sources
from services.social.application.feed.position import Mode, Position, Slice
from services.social.application.feed.sources import GatherSources

# A window has 800 posts at its first page; who follows more people meanwhile gets some more of theirs in it.
SHOWN_MAX: Final = 1_000


class SelectPosts:
    """The newest 800 posts that a viewer can see are the hot window of a feed; all that is older is the archive."""

    def __init__(self, gather: GatherSources, ranker: Ranker, store: FeedStore) -> None:
        self._gather = gather
        self._ranker = ranker
        self._store = store

    async def next(self, viewer_id: int, here: Position, wanted: int, sources: Sources | None) -> Slice:
        """At most `wanted` posts from a position on; `sources` are needed unless the position is in the archive.

        AppError UNAVAILABLE when the stores that it takes are away.
        """
        if here.in_archive or sources is None:
            return await self._archive(viewer_id, here, wanted)
        if here.mode is Mode.LATEST:
            return await self._latest(viewer_id, here, wanted, sources)
        return await self._ranked(viewer_id, here, wanted, sources)

    async def _ranked(self, viewer_id: int, here: Position, wanted: int, sources: Sources) -> Slice:
        floor = max(sources.floor, self._ranker.floor)
        if not here.is_first and floor > here.floor:
            # The inbox was cut since the first page: it lacks the oldest of this scroll's window.
            sources = await self._gather.exact(viewer_id, sources)
            floor = max(here.floor, self._ranker.floor)
        hot = self._ranker.ranked(
            viewer_id, sources, here.ranked_at_ms,
            floor=max(floor, here.floor), ceiling=here.ceiling, shown=here.shown, limit=wanted,
        )  # fmt: skip
        shown = (*here.shown, *(pick.post_id for pick in hot.picks))
        after = replace(here, ceiling=_ceiling(here, hot), floor=hot.floor, shown=shown)
        if len(hot.picks) < wanted or len(shown) >= SHOWN_MAX:
            # A table that has forgotten the whole window has its floor above it.
            end = min(hot.floor, after.ceiling + 1)
            return Slice(list(hot.picks), _into_archive(after, end, hot.picks, shown), sources.missing)
        return Slice(list(hot.picks), replace(after, skipped=_skipped(here, hot.picks)), sources.missing)

    async def _latest(self, viewer_id: int, here: Position, wanted: int, sources: Sources) -> Slice:
        floor = max(sources.floor, self._ranker.floor)
        if floor and here.before <= floor:
            return await self._archive(viewer_id, _into_archive(here, here.before, (), ()) or here, wanted)
        hot = self._ranker.latest(
            viewer_id, sources, floor=floor, ceiling=here.ceiling, before=here.before, limit=wanted
        )
        after = replace(here, ceiling=_ceiling(here, hot), floor=hot.floor)
        if len(hot.picks) < wanted:
            end = min(hot.floor, here.before)
            return Slice(list(hot.picks), _into_archive(after, end, hot.picks, ()), sources.missing)
        after = replace(after, before=hot.picks[-1].post_id, skipped=_skipped(here, hot.picks))
        return Slice(list(hot.picks), after, sources.missing)

    async def _archive(self, viewer_id: int, here: Position, wanted: int) -> Slice:
        without = (*here.skipped, *self._ranker.reported_posts(viewer_id))
        ids = await self._store.older(
            viewer_id, here.before, wanted, without_authors=self._ranker.hidden_authors(viewer_id), without=without
        )
        after = replace(here, before=ids[-1]) if len(ids) == wanted else None
        return Slice([Pick(post_id, post_id, Source.ARCHIVE) for post_id in ids], after)


def _ceiling(here: Position, hot: Hot) -> int:
    """Settled by the first page: what arrives later is for the next scroll."""
    return here.ceiling if not here.is_first else max(hot.newest, first_id_at(here.ranked_at_ms))


def _skipped(here: Position, picks: Sequence[Pick]) -> tuple[int, ...]:
    """What the archive must not show again: posts that reposts have brought up."""
    return (*here.skipped, *(pick.shows for pick in picks if pick.shows != pick.post_id))


def _into_archive(here: Position, before: int, picks: Sequence[Pick], shown: Sequence[int]) -> Position | None:
    """Where the archive begins: nowhere when the window went down to the oldest post there is."""
    if not before:
        return None
    # A window that shrank leaves behind posts that were shown out of its lower part.
    skipped = {post_id for post_id in (*_skipped(here, picks), *shown) if post_id < before}
    return replace(here, before=before, in_archive=True, shown=(), skipped=tuple(sorted(skipped)))
