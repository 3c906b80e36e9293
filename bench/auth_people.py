"""People with accounts, put into auth's database for a measurement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from services.auth.adapters.argon2_hasher import HashingSettings, hash_password

PASSWORD = "كلمة سر طويلة للقياس"  # noqa: S105 - of accounts that live as long as one run

_INSERT_SQL = """
    INSERT INTO accounts (email, password_hash, register_key, created_at)
    SELECT email, $2, '', now() FROM unnest($1::text[]) AS t (email)
"""
_INSERT_PHONES_SQL = """
    INSERT INTO accounts (phone, register_key, created_at, phone_proved_at)
    SELECT phone, '', now(), now() FROM unnest($1::text[]) AS t (phone)
"""


def with_password(database_url: str, emails: Sequence[str], settings: HashingSettings | None = None) -> None:
    """Accounts with these addresses, all with PASSWORD, under one hash."""
    asyncio.run(_execute(database_url, _INSERT_SQL, list(emails), hash_password(PASSWORD, settings)))


def with_phones(database_url: str, phones: Sequence[str]) -> None:
    """Accounts of these E.164 numbers, each shown to be its owner's."""
    asyncio.run(_execute(database_url, _INSERT_PHONES_SQL, list(phones)))


async def _execute(database_url: str, sql: str, *arguments: object) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(sql, *arguments)
        await connection.execute("ANALYZE accounts")
    finally:
        await connection.close()
