"""Makes a copy of what auth holds about a person, for that person: asked for, made beside, read in parts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.auth.application.account_ports import ExportBox, Exports
from services.chassis.clock import Clock
from services.chassis.errors import failed_precondition, invalid, not_found

_FRESH: Final = timedelta(days=1)
_KEPT: Final = timedelta(days=7)
# Longer than making one takes; who dies while making it leaves it to another after that.
_LEASE: Final = timedelta(minutes=1)
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A part of a copy. The time is in UTC."""

    data: bytes = field(repr=False)
    chunks: int
    expires_at: datetime


class ExportAccount:
    """The use cases."""

    def __init__(self, exports: Exports, box: ExportBox, clock: Clock) -> None:
        self._exports = exports
        self._box = box
        self._clock = clock

    async def request(self, user_id: int) -> int:
        """Ask for a copy; its id. One of the last day is answered again."""
        now = self._clock.now()
        return await self._exports.request(user_id, now, now - _FRESH)

    async def read(self, user_id: int, export_id: int, chunk: int) -> ExportPart:
        """A part of one's own copy.

        AppError NOT_FOUND, reason EXPORT_NOT_FOUND; FAILED_PRECONDITION, reason EXPORT_NOT_READY; INVALID_ARGUMENT for
        a part that there is not.
        """
        found = await self._exports.chunk(export_id, user_id, chunk, self._clock.now())
        if found is None:
            raise not_found("export", "EXPORT_NOT_FOUND")
        if found.expires_at is None:
            raise failed_precondition("the export is being made", "EXPORT_NOT_READY")
        if found.sealed is None:
            raise invalid("chunk", f"must be from 0 to {found.chunks - 1}")
        return ExportPart(self._box.open(export_id, chunk, found.sealed), found.chunks, found.expires_at)

    async def make_due(self, now: datetime, limit: int) -> int:
        """Make at most `limit` copies that were asked for; how many. Any number of replicas may do so at once."""
        made = 0
        while made < limit and (claimed := await self._exports.claim(now, now + _LEASE)) is not None:
            export_id, user_id = claimed
            plain = json.dumps(await self._exports.collect(user_id), ensure_ascii=False, indent=1).encode()
            pieces = [plain[start : start + _CHUNK_BYTES] for start in range(0, len(plain), _CHUNK_BYTES)]
            sealed = [self._box.seal(export_id, number, piece) for number, piece in enumerate(pieces)]
            await self._exports.store(export_id, user_id, sealed, now, now + _KEPT)
            made += 1
        return made
