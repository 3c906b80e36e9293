"""Which authors that are merged at read a viewer follows: remembered for the viewers who read most lately."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from services.chassis.clock import Clock
from services.social.application.feed.ports import FeedStore

_VIEWERS_MAX: Final = 100_000
# Events forget sooner; this bounds how long a log that stands still can keep an author out.
REMEMBERED_S: Final = 60.0


class FollowedAuthors:
    """A bounded memory, forgotten by the events that change it, or after a minute."""

    def __init__(self, store: FeedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._remembered: OrderedDict[int, tuple[float, tuple[int, ...]]] = OrderedDict()
        self._forgotten = 0

    async def fan_in(self, viewer_id: int) -> tuple[int, ...]:
        """The authors. AppError UNAVAILABLE when they are not remembered and the store is away."""
        now = self._clock.monotonic()
        found = self._remembered.get(viewer_id)
        if found is not None and now < found[0]:
            self._remembered.move_to_end(viewer_id)
            return found[1]
        before = self._forgotten
        authors = tuple(await self._store.fan_in_followees(viewer_id))
        # What was read while something was forgotten may be of before: it is used once and not remembered.
        if before == self._forgotten:
            self._remembered[viewer_id] = now + REMEMBERED_S, authors
            self._remembered.move_to_end(viewer_id)
            if len(self._remembered) > _VIEWERS_MAX:
                self._remembered.popitem(last=False)
        return authors

    def forget(self, viewer_id: int) -> None:
        """The viewer follows others now."""
        self._forgotten += 1
        self._remembered.pop(viewer_id, None)

    def forget_all(self) -> None:
        """An author crossed the border."""
        self._forgotten += 1
        self._remembered.clear()
