"""A person's copy of what all services hold about them: asked for, looked at, and read in chunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.auth.application.export_ports import ExportBox, Exports, ExportState
from services.chassis.clock import Clock
from services.chassis.errors import failed_precondition, invalid, not_found

_FRESH: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A chunk of a copy. The time is in UTC, None while more may follow."""

    data: bytes = field(repr=False)
    chunks: int
    expires_at: datetime | None


class ExportAccount:
    """The use cases."""

    def __init__(self, exports: Exports, box: ExportBox, clock: Clock) -> None:
        self._exports = exports
        self._box = box
        self._clock = clock

    async def request(self, user_id: int) -> int:
        """Ask for a copy; its id. One that is being made, or of the last day, is answered again."""
        now = self._clock.now()
        return await self._exports.request(user_id, now, now - _FRESH)

    async def state(self, user_id: int, export_id: int) -> ExportState:
        """How far one's own copy is, the newest when the id is 0; AppError NOT_FOUND, reason EXPORT_NOT_FOUND."""
        found = await self._exports.state(export_id, user_id, self._clock.now())
        if found is None:
            raise not_found("export", "EXPORT_NOT_FOUND")
        return found

    async def read(self, user_id: int, export_id: int, chunk: int) -> ExportPart:
        """A chunk of one's own copy.

        AppError NOT_FOUND, reason EXPORT_NOT_FOUND; FAILED_PRECONDITION, reason EXPORT_NOT_READY, while it may still
        come; INVALID_ARGUMENT for a chunk that there is not.
        """
        found = await self._exports.chunk(export_id, user_id, chunk, self._clock.now())
        if found is None:
            raise not_found("export", "EXPORT_NOT_FOUND")
        if found.sealed is not None:
            return ExportPart(self._box.open(export_id, chunk, found.sealed), found.chunks, found.expires_at)
        if found.expires_at is None and chunk >= 0:
            raise failed_precondition("the export is being made", "EXPORT_NOT_READY")
        raise invalid("chunk", f"must be from 0 to {found.chunks - 1}")
