"""What payouts need of the outside beside sagas: how people are known, and payouts as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.payments.domain.payouts import IdentityLevel, Payout


class Payouts(Protocol):
    """Reads payouts. AppError UNAVAILABLE when the database is away."""

    async def find(self, user_id: int, payout_id: int) -> Payout | None:
        """A payout of a person; None when they have none of that id."""
        ...

    async def list(self, user_id: int, *, before: int, limit: int) -> Sequence[Payout]:
        """At most `limit` payouts with ids below `before`, newest first."""
        ...


class KnownPeople(Protocol):
    """How well people are known. AppError UNAVAILABLE when the database is away."""

    async def level(self, user_id: int) -> int:
        """0 by phone, 1 by identity card, 2 as a licensed firm."""
        ...

    async def set_level(self, known: IdentityLevel) -> None:
        """Set it, with its event; a repetition changes nothing."""
        ...
