"""Which merged authors a viewer follows is remembered, and forgotten when it changes."""

from __future__ import annotations

from typing import Any

from services.social.application.feed.followed_authors import FollowedAuthors
from tests.fakes.clock import FixedClock


class Store:
    def __init__(self) -> None:
        self.authors = [10, 20]
        self.asked = 0
        self.meanwhile: Any = None

    async def fan_in_followees(self, viewer_id: int) -> list[int]:  # noqa: ARG002 - the port's
        self.asked += 1
        if self.meanwhile:
            self.meanwhile()
        return list(self.authors)


async def test_asks_once_until_forgotten() -> None:
    store, clock = Store(), FixedClock()
    followed = FollowedAuthors(store, clock)  # type: ignore[arg-type]
    assert await followed.fan_in(1) == (10, 20)
    assert await followed.fan_in(1) == (10, 20)
    assert store.asked == 1
    store.authors = [10]
    followed.forget(1)
    assert await followed.fan_in(1) == (10,)
    followed.forget_all()
    await followed.fan_in(1)
    assert store.asked == 3


async def test_what_was_read_while_it_changed_is_not_remembered() -> None:
    store = Store()
    followed = FollowedAuthors(store, FixedClock())  # type: ignore[arg-type]
    store.meanwhile = lambda: followed.forget(1)
    await followed.fan_in(1)
    store.meanwhile = None
    await followed.fan_in(1)
    assert store.asked == 2


async def test_remembers_for_a_minute_at_most() -> None:
    store, clock = Store(), FixedClock()
    followed = FollowedAuthors(store, clock)  # type: ignore[arg-type]
    await followed.fan_in(1)
    clock.advance(61)
    await followed.fan_in(1)
    assert store.asked == 2
