"""Reads a person their own security history."""

from __future__ import annotations

from typing import Final

from services.auth.application.audit_ports import AuditEntry, AuditTrail

_BEHIND_ALL: Final = (1 << 63) - 1


class ListAuditEntries:
    """The use case."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    async def __call__(self, user_id: int, before_seq: int, limit: int) -> tuple[list[AuditEntry], bool]:
        """At most `limit` entries with a lesser seq (0: the newest), newest first, and whether there are more.

        AppError UNAVAILABLE.
        """
        found = await self._trail.entries(user_id, before_seq or _BEHIND_ALL, limit + 1)
        return found[:limit], len(found) > limit
