"""Checks one password against one account, counted beforehand so that parallel guesses gain nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.auth.application.audit_ports import AuditDetail
from services.auth.application.ports import Accounts, Credentials, PasswordHasher, ReservedGuess, SignInAttempts
from services.auth.application.refusal_ledger import RefusalLedger
from services.auth.domain.attempts import AttemptLimit, Guess
from services.auth.domain.device import Device
from services.auth.domain.identifier import Identifier
from services.chassis.clock import Clock
from services.chassis.errors import AppError, exhausted

# Of one device's guesses on one name so many run at once; the others wait for what becomes of them. Each is counted
# before it is known to be right, so without waiting somebody's many right ones would use up the limit for each other.
_AT_ONCE: Final = 2
# For so long those who waited behind a refused guess are refused with it, without asking the database again.
_SHARED_REFUSAL: Final = timedelta(seconds=1)


@dataclass(slots=True)
class _Turns:
    """The guesses of one device on one name."""

    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    present: int = 0
    refused_until: datetime | None = None
    free_at: datetime | None = None


class PasswordCheck:
    """The only way to a password's answer."""

    def __init__(
        self,
        accounts: Accounts,
        attempts: SignInAttempts,
        hasher: PasswordHasher,
        limit: AttemptLimit,
        refusals: RefusalLedger,
        clock: Clock,
    ) -> None:
        self._refusals = refusals
        self._accounts = accounts
        self._attempts = attempts
        self._hasher = hasher
        self._limit = limit
        self._clock = clock
        self._turns: dict[bytes, _Turns] = {}

    async def recognise(self, identifier: Identifier, device: Device, password: str) -> Credentials | None:
        """The account of the name if this is its password; None otherwise, after the same work whether there is one.

        AppError RESOURCE_EXHAUSTED, reason OVERLOADED, after too many wrong ones, or when too many passwords wait:
        then nothing is counted, nor the database asked.
        """
        self._hasher.require_room()
        guess = Guess(identifier, device)
        # Whoever has a turn takes a place before the database is asked: one name's queue cannot fill everybody's, and
        # who is refused for want of a place was counted nowhere.
        async with self._turn(guess) as turns:
            with self._hasher.place() as place:
                reserved = await self._reserve(guess, turns)
                credentials = await self._accounts.find(identifier)
                matches = await place.verify(credentials.password_hash if credentials else None, password)
            if credentials is None or not matches:
                # Names without an account take the same road.
                subject, detail = (credentials.user_id if credentials else 0), AuditDetail(device.network, device.name)
                self._refusals.refuse("password_refused", subject, detail)
                return None
            await self._attempts.forgive(reserved, self._clock.now())
            return credentials

    async def _reserve(self, guess: Guess, turns: _Turns) -> ReservedGuess:
        now = self._clock.now()
        if turns.free_at is not None and turns.refused_until is not None and now < turns.refused_until:
            raise _refused(turns.free_at - now)
        reserved = await self._attempts.reserve(guess, self._limit, now)
        if isinstance(reserved, timedelta):
            turns.free_at = now + reserved
            turns.refused_until = min(turns.free_at, now + _SHARED_REFUSAL)
            raise _refused(reserved)
        return reserved

    @contextlib.asynccontextmanager
    async def _turn(self, guess: Guess) -> AsyncIterator[_Turns]:
        key = guess.device_subject()
        turns = self._turns.setdefault(key, _Turns())
        turns.present += 1
        try:
            async with turns.gate:
                yield turns
        finally:
            turns.present -= 1
            if turns.present == 0:
                del self._turns[key]


def _refused(wait: timedelta) -> AppError:
    return exhausted("too many wrong passwords", max(1, wait // timedelta(milliseconds=1)))
