"""Where people are paid out: added, removed and listed by their owners."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.errors import not_found
from services.payments.application.instrument_ports import Destinations
from services.payments.domain.instruments import Instrument
from services.payments.domain.payouts import PayoutDestination


class ManageDestinations:
    """A new destination is usable after `wait_s` seconds: time for its owner to hear of one they did not add."""

    def __init__(self, destinations: Destinations, *, wait_s: float) -> None:
        self._destinations = destinations
        self._wait_s = wait_s

    async def add(self, instrument: Instrument) -> PayoutDestination:
        """Keep it, or find the one there is. AppError FAILED_PRECONDITION when there are 10; UNAVAILABLE."""
        return await self._destinations.add(instrument, self._wait_s)

    async def remove(self, user_id: int, destination_id: int) -> None:
        """Forget it. AppError NOT_FOUND with reason DESTINATION_NOT_FOUND; UNAVAILABLE."""
        if not await self._destinations.remove(user_id, destination_id):
            raise not_found("destination", "DESTINATION_NOT_FOUND")

    async def list(self, user_id: int) -> Sequence[PayoutDestination]:
        """The person's destinations, newest first."""
        return await self._destinations.list(user_id)
