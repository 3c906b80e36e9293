"""Checks one password against one account, counted beforehand so that parallel guesses gain nothing."""

from __future__ import annotations

from datetime import timedelta

from services.auth.application.ports import Credentials, PasswordHasher, SignInAttempts
from services.auth.domain.attempts import AttemptLimit
from services.auth.domain.identifier import Identifier
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, exhausted


class PasswordCheck:
    """The only way to a password's answer."""

    def __init__(self, attempts: SignInAttempts, hasher: PasswordHasher, limit: AttemptLimit, clock: Clock) -> None:
        self._attempts = attempts
        self._hasher = hasher
        self._limit = limit
        self._clock = clock

    async def reserve(self, identifier: Identifier) -> None:
        """Count an attempt on the name; AppError RESOURCE_EXHAUSTED, reason OVERLOADED, when there were too many.

        The same when too many passwords wait anyway: then nothing is counted, nor the database asked.
        """
        self._hasher.require_room()
        wait = await self._attempts.reserve(identifier, self._limit, self._clock.now())
        if wait is not None:
            raise exhausted("too many attempts on this name", max(1, wait // timedelta(milliseconds=1)))

    async def matches(self, identifier: Identifier, credentials: Credentials | None, password: str) -> bool:
        """Whether the password is the account's, after `reserve`; without an account the same work ends in False.

        AppError RESOURCE_EXHAUSTED, reason OVERLOADED, when too many passwords wait: then the attempt was not made.
        """
        try:
            return await self._hasher.verify(credentials.password_hash if credentials else None, password)
        except AppError as error:
            if error.kind is ErrorKind.RESOURCE_EXHAUSTED:
                await self._attempts.give_back(identifier)
            raise
