"""The words that hide posts from a viewer's feed: remembered, and matched by the extension."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from services.chassis.clock import Clock
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_VIEWERS_MAX: Final = 100_000
# The event log forgets sooner.
_LIFE_S: Final = 300.0
_WORDS: Final = "SELECT words FROM muted_words WHERE user_id = $1"

Match = Callable[[Sequence[bytes], Sequence[str]], list[bool]]


class MutedWordsFilter:
    """Implements application.feed.ports.MutedWords."""

    def __init__(self, pool: PostgresPool, clock: Clock, match: Match) -> None:
        self._pool = pool
        self._clock = clock
        self._match = match
        self._remembered: OrderedDict[int, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._forgotten = 0

    async def of(self, viewer_id: int) -> Sequence[str]:
        """The words. AppError UNAVAILABLE when they are not remembered and the store is away."""
        now = self._clock.monotonic()
        found = self._remembered.get(viewer_id)
        if found is not None and now < found[0]:
            return found[1]
        before = self._forgotten
        async with unavailable_as_app_error():
            words = tuple(await self._pool.fetchval(_WORDS, viewer_id) or ())
        if before == self._forgotten:
            self._remembered[viewer_id] = now + _LIFE_S, words
            self._remembered.move_to_end(viewer_id)
            if len(self._remembered) > _VIEWERS_MAX:
                self._remembered.popitem(last=False)
        return words

    def hide(self, posts: Sequence[bytes], words: Sequence[str]) -> list[bool]:
        """Which of the serialised posts have one of the words."""
        return self._match(posts, words)

    def forget(self, viewer_id: int) -> None:
        """The viewer's words changed."""
        self._forgotten += 1
        self._remembered.pop(viewer_id, None)
