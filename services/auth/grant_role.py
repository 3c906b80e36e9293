"""Gives a role at the database, where there is no admin yet: python -m services.auth.grant_role USER_ID ROLE."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import asyncpg

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.config import database_url
from services.auth.domain.assurance import Role
from services.chassis.config import SettingsError

_GRANT_SQL: Final = """
    WITH granted AS (
        UPDATE accounts SET roles = roles | $2::smallint WHERE user_id = $1 AND status = 1 RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id, payload) SELECT $3, user_id, $4 FROM granted RETURNING true
"""


async def grant(url: str, user_id: int, role: Role) -> bool:
    """Give the role with its event, whose actor 0 says that it was done here; whether there is such a user."""
    connection = await asyncpg.connect(url)
    try:
        payload = lifecycle_payloads.role_granted(role, requested_by=0)
        granted = await connection.fetchval(_GRANT_SQL, user_id, role.value, lifecycle_payloads.ROLE_GRANTED, payload)
    finally:
        await connection.close()
    return bool(granted)


def main(arguments: list[str]) -> int:
    """Grant and return the exit code: 1 when there is no such account, 2 for wrong arguments or settings."""
    roles = {role.name: role for role in Role}
    if len(arguments) != len(("user", "role")) or not arguments[0].isdecimal() or arguments[1].upper() not in roles:
        print(f"usage: grant_role USER_ID {{{'|'.join(name.lower() for name in roles if name)}}}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    try:
        url = database_url(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    if not asyncio.run(grant(url, int(arguments[0]), roles[arguments[1].upper()])):
        print("no such account, or it may not sign in", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
