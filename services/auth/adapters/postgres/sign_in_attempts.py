"""Counted password guesses in PostgreSQL, so that all replicas count together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.auth.adapters.postgres.purging import purge
from services.auth.application.ports import ReservedGuess
from services.auth.domain.attempts import AttemptLimit, Guess
from services.auth.domain.identifier import IdentifierKind
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_RESERVE_SQL: Final = "SELECT is_known, wait FROM reserve_password_guess($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
_FORGIVE_SQL: Final = "SELECT take_back_password_guess($1, $2, $3, true)"
_PURGE_SQL: Final = """
    DELETE FROM password_guesses WHERE subject IN (
        SELECT subject FROM password_guesses WHERE forgotten_at < $1
        ORDER BY forgotten_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class PostgresSignInAttempts:
    """The guesses of auth's database. Names without an account are counted alike, or counting would tell them."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def reserve(self, guess: Guess, limit: AttemptLimit, now: datetime) -> ReservedGuess | timedelta:
        """Count a guess before it is made; how long none may be made when it may not."""
        name, network = guess.identifier, guess.network_subject()
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(
                _RESERVE_SQL,
                name.value if name.kind is IdentifierKind.PHONE else None,
                name.value if name.kind is IdentifierKind.EMAIL else None,
                guess.device.digest or None,
                guess.strangers_subject(),
                guess.device_subject(),
                network,
                now,
                limit.attempts,
                limit.slowest,
                limit.network_attempts,
                limit.network_window,
            )
        wait: timedelta | None = rows[0]["wait"]
        if wait is not None:
            return wait
        if rows[0]["is_known"]:
            return ReservedGuess(guess.device_subject(), None)
        return ReservedGuess(guess.strangers_subject(), network)

    async def forgive(self, reserved: ReservedGuess, now: datetime) -> None:
        """The guess was right: it does not count, nor do those before it on the same name or device."""
        async with unavailable_as_app_error():
            await self._pool.execute(_FORGIVE_SQL, reserved.subject, reserved.network_subject, now)

    async def purge(self, forgotten_before: datetime, limit: int) -> int:
        """Delete at most `limit` subjects of which nothing counted any more before; how many."""
        return await purge(self._pool, _PURGE_SQL, forgotten_before, limit)
