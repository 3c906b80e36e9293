"""What a viewer likes and passed on: read once, moved by events, never older than what was written meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from services.social.adapters import viewer_marks
from services.social.adapters.postgres.post_views import Mark
from services.social.adapters.viewer_marks import ViewerMarks

VIEWER = 7


class FakeViews:
    """The store of record."""

    def __init__(self, likes: Sequence[int] = (), reposts: Sequence[int] = ()) -> None:
        self.marks = {Mark.LIKE: list(likes), Mark.REPOST: list(reposts)}
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def newest_marked(self, mark: Mark, viewer_id: int, limit: int) -> list[int]:
        assert viewer_id == VIEWER
        self.reads += 1
        found = sorted(self.marks[mark], reverse=True)[:limit]
        await self.gate.wait()
        return found

    async def marked(self, mark: Mark, viewer_id: int, post_ids: Sequence[int]) -> set[int]:
        assert viewer_id == VIEWER
        self.reads += 1
        return set(self.marks[mark]) & set(post_ids)


def marks_of(views: FakeViews) -> ViewerMarks:
    port: Any = views
    return ViewerMarks(port)


async def test_marks_are_read_once_and_then_follow_the_log() -> None:
    views = FakeViews(likes=[1, 2], reposts=[3])
    marks = marks_of(views)
    likes, reposts = await marks.of(VIEWER, [1, 2, 3])
    assert (set(likes), set(reposts)) == ({1, 2}, {3})
    marks.liked(VIEWER, 9, likes=True)
    marks.liked(VIEWER, 1, likes=False)
    marks.reposted(VIEWER, 3, reposts=False)
    likes, reposts = await marks.of(VIEWER, [1, 9])
    assert (set(likes), set(reposts)) == ({2, 9}, set())
    assert views.reads == 2


async def test_a_mark_made_while_the_store_is_read_is_not_lost() -> None:
    views = FakeViews(likes=[1])
    marks = marks_of(views)
    views.gate.clear()
    reading = asyncio.create_task(marks.of(VIEWER, [2]))
    await asyncio.sleep(0.01)
    views.marks[Mark.LIKE].append(2)
    marks.liked(VIEWER, 2, likes=True)
    views.gate.set()
    await reading
    likes, _ = await marks.of(VIEWER, [2])
    assert 2 in likes


async def test_posts_older_than_what_is_remembered_are_asked_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(viewer_marks, "_A_VIEWER_MAX", 3)
    marks = marks_of(FakeViews(likes=[1, 2, 3, 4, 5]))
    likes, _ = await marks.of(VIEWER, [5, 1])
    assert {5, 1} <= set(likes)


async def test_memory_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(viewer_marks, "_TOTAL_MAX", 30)
    views = FakeViews(likes=[1, 2])
    marks = marks_of(views)
    await marks.of(VIEWER, [1])
    for post_id in range(10, 40):
        marks.liked(VIEWER, post_id, likes=True)
    assert 30 in (await marks.of(VIEWER, [30]))[0]
