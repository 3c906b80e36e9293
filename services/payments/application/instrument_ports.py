"""What payments needs of the place where instruments are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.payments.domain.instruments import Instrument
from services.payments.domain.payouts import PayoutDestination


class Instruments(Protocol):
    """Opens instruments for whoever asks a provider to use one."""

    async def open(self, instrument_id: int) -> Instrument:
        """The instrument in the clear. AppError NOT_FOUND when it is gone; UNAVAILABLE."""
        ...


class Destinations(Protocol):
    """Keeps where people are paid out. AppError UNAVAILABLE when the database is away."""

    async def add(self, instrument: Instrument, wait_s: float) -> PayoutDestination:
        """Keep it, usable after `wait_s` seconds; the one there is when it is known. FAILED_PRECONDITION at 10."""
        ...

    async def remove(self, user_id: int, destination_id: int) -> bool:
        """Forget it once nothing is on its way there; False when the person has none of that id."""
        ...

    async def list(self, user_id: int) -> Sequence[PayoutDestination]:
        """Those of a person that were not removed, newest first."""
        ...
