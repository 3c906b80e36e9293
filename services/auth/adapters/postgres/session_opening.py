"""Opens sessions in PostgreSQL: the one function that every statement which starts a session calls."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

import asyncpg

from services.auth.adapters.postgres import event_payloads
from services.auth.application.ports import NewSession, StartedSession
from services.auth.domain.assurance import Role
from services.auth.domain.factors import step_up_needed
from services.chassis.errors import AppError, ErrorKind
from services.chassis.postgres import raise_unavailable

_ACCOUNT_CLOSED: Final = "DA001"
_ARGUMENTS: Final = 15
_SECOND_FACTOR_NEEDED: Final = "DA002"


def open_session_sql(first: int, user_id: str) -> str:
    """The call of open_session whose arguments are the parameters from `$first` on, for the account `user_id`.

    `session_arguments` gives their values in order. Its row has the columns epoch and roles.
    """
    session_id, *others = (f"${number}" for number in range(first, first + _ARGUMENTS))
    return f"open_session({session_id}, {user_id}, {', '.join(others)})"


def session_arguments(session_id: int, session: NewSession) -> tuple[Any, ...]:
    """The values that `open_session_sql` names."""
    return (
        session_id,
        session.started_at,
        session.expires_at,
        session.refresh_token_hash,
        session.refresh_expires_at,
        session.proof.methods.value,
        session.proof.level,
        session.proof.proved_at,
        session.scopes.value,
        session.device.digest or None,
        session.device.name,
        session.device.network,
        session.device.key_thumbprint,
        event_payloads.session_started(session_id),
        event_payloads.device_added(session_id),
    )


def started_session(user_id: int, session_id: int, session: NewSession, row: asyncpg.Record | None) -> StartedSession:
    """The session, from the row that open_session answered: it answers one or raises."""
    if row is None:
        raise RuntimeError("open_session answered no row")
    return StartedSession(
        user_id,
        session_id,
        session.proof,
        session.scopes,
        row["epoch"],
        Role(row["roles"]),
        session.device.key_thumbprint,
    )


class account_closed_as_app_error:  # noqa: N801 - reads as the statement it is, like its neighbour of the chassis
    """Inside the block an account that may not sign in raises AppError PERMISSION_DENIED, reason ACCOUNT_SUSPENDED.

    One with a second factor that was not proved raises UNAUTHENTICATED, reason STEP_UP_NEEDED. A database that is away
    raises AppError UNAVAILABLE.
    """

    __slots__ = ()

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise_unavailable(error)
        if isinstance(error, asyncpg.PostgresError) and error.sqlstate == _ACCOUNT_CLOSED:
            raise AppError(ErrorKind.PERMISSION_DENIED, "ACCOUNT_SUSPENDED", "this account may not sign in") from error
        if isinstance(error, asyncpg.PostgresError) and error.sqlstate == _SECOND_FACTOR_NEEDED:
            # Added since it was asked for: the next attempt meets a challenge.
            raise step_up_needed(2) from error
