"""Which posts a viewer likes or passed on: read once from the store of record, then kept by the event log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.social.adapters.postgres.post_views import Mark, PostgresPostViews

# Of one viewer the newest so many of each are remembered; of all together so many, the least lately read go first.
_A_VIEWER_MAX: Final = 2_000
_TOTAL_MAX: Final = 1_000_000


@dataclass(slots=True)
class _Marked:
    """A viewer's marks on posts from `floor` on; older ones are asked for each time."""

    likes: set[int] = field(default_factory=set)
    reposts: set[int] = field(default_factory=set)
    floor: int = 0

    def __len__(self) -> int:
        # A viewer without marks costs something as well.
        return 8 + len(self.likes) + len(self.reposts)


class ViewerMarks:
    """A bounded memory. What changes while it is read from the store is read again the next time."""

    def __init__(self, views: PostgresPostViews) -> None:
        self._views = views
        self._viewers: OrderedDict[int, _Marked] = OrderedDict()
        self._total = 0
        self._reading: dict[int, int] = {}
        self._changed: set[int] = set()

    async def of(self, viewer_id: int, post_ids: Sequence[int]) -> tuple[Collection[int], Collection[int]]:
        """Those of the posts that the viewer likes, and passed on. AppError UNAVAILABLE when Postgres is away."""
        marked = self._viewers.get(viewer_id)
        if marked is None:
            marked = await self._read(viewer_id)
        else:
            self._viewers.move_to_end(viewer_id)
        older = [post_id for post_id in post_ids if post_id < marked.floor]
        if not older:
            return marked.likes, marked.reposts
        likes = await self._views.marked(Mark.LIKE, viewer_id, older)
        reposts = await self._views.marked(Mark.REPOST, viewer_id, older)
        return marked.likes | likes, marked.reposts | reposts

    def liked(self, viewer_id: int, post_id: int, *, likes: bool) -> None:
        """The viewer likes the post, or no longer."""
        self._change(viewer_id, post_id, "likes", on=likes)

    def reposted(self, viewer_id: int, post_id: int, *, reposts: bool) -> None:
        """The viewer passed the post on, or no longer does."""
        self._change(viewer_id, post_id, "reposts", on=reposts)

    async def _read(self, viewer_id: int) -> _Marked:
        self._reading[viewer_id] = self._reading.get(viewer_id, 0) + 1
        try:
            likes = await self._views.newest_marked(Mark.LIKE, viewer_id, _A_VIEWER_MAX)
            reposts = await self._views.newest_marked(Mark.REPOST, viewer_id, _A_VIEWER_MAX)
        finally:
            self._reading[viewer_id] -= 1
            is_stale = viewer_id in self._changed
            if not self._reading[viewer_id]:
                del self._reading[viewer_id]
                self._changed.discard(viewer_id)
        floors = [marks[-1] for marks in (likes, reposts) if len(marks) >= _A_VIEWER_MAX]
        marked = _Marked(set(likes), set(reposts), max(floors, default=0))
        if not is_stale:
            self._remember(viewer_id, marked)
        return marked

    def _remember(self, viewer_id: int, marked: _Marked) -> None:
        self._forget(viewer_id)
        self._viewers[viewer_id] = marked
        self._total += len(marked)
        while self._total > _TOTAL_MAX:
            self._forget(next(iter(self._viewers)))

    def _forget(self, viewer_id: int) -> None:
        gone = self._viewers.pop(viewer_id, None)
        if gone is not None:
            self._total -= len(gone)

    def _change(self, viewer_id: int, post_id: int, what: str, *, on: bool) -> None:
        if viewer_id in self._reading:
            self._changed.add(viewer_id)
        marked = self._viewers.get(viewer_id)
        if marked is None:
            return
        marks: set[int] = getattr(marked, what)
        before = len(marked)
        if on:
            marks.add(post_id)
        else:
            marks.discard(post_id)
        self._total += len(marked) - before
        if len(marks) > 2 * _A_VIEWER_MAX:
            # Read anew when it is next asked for, the newest only.
            self._forget(viewer_id)
