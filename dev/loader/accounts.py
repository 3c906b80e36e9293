"""Accounts of a community into auth's database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dev.errors import DevError
from dev.loader.community import Community
from dev.loader.progress import Progress
from services.auth.adapters.argon2_hasher import hash_password
from services.auth.adapters.postgres.bulk_import import ImportedAccount, import_accounts
from services.chassis.postgres import PostgresConnection


async def load_accounts(
    connection: PostgresConnection, community: Community, password: str, progress: Progress
) -> Mapping[str, int]:
    """Add every account, all with one password, in the caller's transaction; raises DevError when a name is taken."""
    # One hash for all: a hash for each would take longer than everything else together.
    password_hash = hash_password(password)
    accounts = [
        ImportedAccount(person.user_id, person.phone, at(person.created_ms))
        for person in progress.track("accounts", community.people, len(community.people))
    ]
    made = await import_accounts(connection, accounts, password_hash=password_hash)
    if made != len(accounts):
        raise DevError(
            f"{len(accounts) - made} of {len(accounts)} accounts have a phone or an id that is taken.",
            "Nothing was loaded. Load with another --seed.",
        )
    return {"accounts": made}


def at(ms: int) -> datetime:
    """A moment in milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)
