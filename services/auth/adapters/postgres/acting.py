"""What every act of an admin begins with: the rows of who acts and whose account it is, and what that one may do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from services.auth.application.admin_ports import Act
from services.auth.domain.assurance import Role
from services.chassis.errors import denied, not_found
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

# In one order for all, so that two admins who act on each other do not wait in a circle.
_LOCK_SQL: Final = """
    SELECT user_id, phone, email, status, epoch, roles, created_at FROM accounts
    WHERE user_id = ANY($1::bigint[]) ORDER BY user_id FOR NO KEY UPDATE
"""


@contextlib.asynccontextmanager
async def acting(pool: PostgresPool, act: Act) -> AsyncIterator[tuple[PostgresConnection, asyncpg.Record | None]]:
    """A transaction of the act: its connection, and the row of the account, None for an act on nobody's.

    AppError PERMISSION_DENIED when the actor's roles of this moment do not do, whatever the token says; NOT_FOUND,
    reason ACCOUNT_NOT_FOUND, when there is no such account; UNAVAILABLE.
    """
    async with unavailable_as_app_error(), pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(_LOCK_SQL, [act.actor_id, act.user_id])
        found = {row["user_id"]: row for row in rows}
        actor = found.get(act.actor_id)
        if actor is None or actor["status"] != 1 or not Role(actor["roles"]) & act.needed:
            raise denied("the caller has none of the roles that this needs")
        if act.user_id and (act.user_id not in found or found[act.user_id]["status"] == _DELETED):
            raise not_found("account", "ACCOUNT_NOT_FOUND")
        yield connection, found.get(act.user_id)


_DELETED: Final = 3
