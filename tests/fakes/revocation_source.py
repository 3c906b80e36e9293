"""A source of revocations that a test fills."""

from __future__ import annotations

import asyncio
from typing import Final

from services.chassis.revocations import Revocation, RevocationPage

_THIRD: Final = 3


class FakeRevocationSource:
    """Answers what was put in since the snapshot it gave; `away` makes it fail, `page` limits an answer."""

    def __init__(self, page: int = 1_000) -> None:
        self.revocations: list[Revocation] = []
        self.away = False
        self.reads = 0
        self.third_read = asyncio.Event()
        self._page = page

    async def read(self, seen: str, after: int) -> RevocationPage:
        """Implements RevocationSource: a snapshot is how many there were."""
        self.reads += 1
        if self.reads >= _THIRD:
            self.third_read.set()
        if self.away:
            raise ConnectionError("away")
        start = max(int(seen or 0), after)
        found = self.revocations[start : start + self._page]
        return RevocationPage(
            found, str(len(self.revocations)), start + len(found), start + len(found) < len(self.revocations)
        )
