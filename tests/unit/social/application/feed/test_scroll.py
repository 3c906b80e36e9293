"""A scroll over fakes: pages are full, in order, without hole or repeat, whatever is cut, deleted, lost or away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import AppError
from services.social.application.feed.ports import (
    Source,
    Stage,
)
from services.social.application.feed.position import Mode, Page, Position
from tests.unit.social.application.feed.scroll_world import VIEWER, WINDOW, World, feed_of, ids, scroll


def expected(world: World, mode: Mode) -> list[int]:
    hot = [post_id for post_id in world.posts if post_id not in world.gone]
    # What is gone still takes room in a cut inbox.
    floor = 0 if world.bottom else world.inbox[-1]
    head = [post_id for post_id in hot if post_id >= floor][:WINDOW]
    return (head[::-1] if mode is Mode.RANKED else head) + hot[len(head) :]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("posts", [0, 1, 7, 20, 799, 800, 801, 1700])
async def test_every_post_once_and_every_page_full(mode: Mode, posts: int) -> None:
    world = World(posts)
    pages = await scroll(feed_of(world), mode, 20)
    assert ids(pages) == expected(world, mode)
    assert all(len(page.items) == 20 for page in pages[:-2])
    assert not any(page.missing for page in pages)


@pytest.mark.parametrize("mode", list(Mode))
async def test_deleted_posts_in_a_cut_inbox_make_no_hole(mode: Mode) -> None:
    world = World(1500)
    world.gone = set(world.posts[:50])
    assert ids(await scroll(feed_of(world), mode, 50)) == expected(world, mode)


@pytest.mark.parametrize("mode", list(Mode))
async def test_below_the_tables_floor_the_archive_takes_over(mode: Mode) -> None:
    world = World(500)
    world.floor = 300
    shown = ids(await scroll(feed_of(world), mode, 20))
    hot, archive = list(range(500, 299, -1)), list(range(299, 0, -1))
    assert shown == (hot[::-1] if mode is Mode.RANKED else hot) + archive


async def test_deleted_and_muted_posts_are_replaced_by_those_that_follow() -> None:
    world = World(200)
    feed = feed_of(world)
    first = await feed.page(VIEWER, Mode.RANKED, 20, None)
    world.gone, world.muted = set(range(21, 61)), {61, 63}
    second = await feed.page(VIEWER, Mode.RANKED, 20, first.position)
    assert [item.post_id for item in second.items] == [62, *range(64, 83)]


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(list(Mode)),
    posts=st.integers(0, 150),
    size=st.integers(1, 30),
    happenings=st.lists(
        st.tuples(st.sampled_from(("publish", "delete", "redis", "table")), st.integers(1, 60)), max_size=12
    ),
)
async def test_whatever_happens_between_pages_nothing_is_missed_or_repeated(
    mode: Mode, posts: int, size: int, happenings: list[tuple[str, int]]
) -> None:
    """What was there at the first page and lives to the last is shown exactly once."""
    world = World(posts, cap=40)
    feed = feed_of(world)
    at_first = list(world.posts)
    shown: list[int] = []
    position: Position | None = None
    for n in range(500):
        page = await feed.page(VIEWER, mode, size, position)
        shown += [item.post_id for item in page.items]
        position = page.position
        if position is None:
            break
        assert len(page.items) == size, "a short page while there is more"
        if n < len(happenings):
            what, number = happenings[n]
            if what == "publish":
                world.publish(number)
            elif what == "delete":
                world.gone.add(number)
            elif what == "redis":
                world.redis_away = not world.redis_away
            else:
                world.floor = max(world.floor, number)
    assert len(set(shown)) == len(shown)
    assert set(at_first) - world.gone <= set(shown) <= set(at_first)


@pytest.mark.parametrize("mode", list(Mode))
async def test_without_redis_all_is_there_and_degraded(mode: Mode) -> None:
    world = World(900)
    world.redis_away = True
    pages = await scroll(feed_of(world), mode, 100)
    assert ids(pages) == expected(world, mode)
    assert pages[0].missing == {Stage.INBOX, Stage.SEEN}
    assert Stage.INBOX in world.degraded_stages


@pytest.mark.parametrize("mode", list(Mode))
async def test_without_postgres_the_hot_part_is_there(mode: Mode) -> None:
    world = World(WINDOW)
    world.postgres_away = world.seen_lost = True
    page = await feed_of(world).page(VIEWER, mode, WINDOW + 1, None)
    assert ids([page]) == expected(world, mode)
    assert page.missing == {Stage.FAN_IN, Stage.SEEN, Stage.VIEWER_STATE, Stage.ARCHIVE}
    assert page.position is not None


async def test_without_both_the_feed_is_unavailable() -> None:
    world = World(30)
    world.postgres_away = world.redis_away = True
    with pytest.raises(AppError):
        await feed_of(world).page(VIEWER, Mode.RANKED, 20, None)


async def test_items_say_where_they_come_from() -> None:
    world = World(WINDOW + 5)
    pages = await scroll(feed_of(world), Mode.LATEST, 100)
    sources = [item.source for page in pages for item in page.items]
    assert sources == [Source.INBOX] * WINDOW + [Source.ARCHIVE] * 5


@pytest.mark.parametrize("mode", list(Mode))
async def test_pages_of_the_archive_are_of_what_the_viewer_has_just_written_elsewhere(mode: Mode) -> None:
    world = World(1000)
    feed = feed_of(world)
    pages: list[Page] = []
    while not pages or (pages[-1].position is not None and not pages[-1].position.in_archive):
        pages.append(await feed.page(VIEWER, mode, 100, pages[-1].position if pages else None))
    world.muted_elsewhere = {100, 99}
    rest = ids(await scroll(feed, mode, 100, pages[-1].position))
    assert rest
    assert not {100, 99} & set(rest)
