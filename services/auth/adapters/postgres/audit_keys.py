"""The keys around the audit log in PostgreSQL: those that sign checkpoints, and those of subjects."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.adapters.subject_key_box import SubjectKeyBox
from services.auth.domain.key_schedule import SigningKey
from services.chassis.postgres import PostgresConnection, PostgresPool
from services.hash_chain.signing import CheckpointSigner

# Old keys verify for ever; a new one signs after a year.
_KEY_LIFE: Final = timedelta(days=365)
_KID_BYTES: Final = 12
_STATEMENT_TYPE: Final = "audit-checkpoint+jws"

_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('auth.audit_keys', 0))"
_LOAD_SQL: Final = "SELECT kid, public_key, private_key_sealed, active_from FROM audit_keys ORDER BY active_from"
_ADD_SQL: Final = "INSERT INTO audit_keys (kid, public_key, private_key_sealed, active_from) VALUES ($1, $2, $3, $4)"
_SUBJECT_KEYS_SQL: Final = "SELECT user_id, key_sealed FROM subject_keys WHERE user_id = ANY($1::bigint[])"
# The lock makes whoever deletes the account come wholly before, and find no key made, or wholly after, and delete it.
_LIVING_SQL: Final = """
    SELECT user_id FROM accounts WHERE user_id = ANY($1::bigint[]) AND status <> 3 ORDER BY user_id FOR SHARE
"""
_ADD_SUBJECT_KEY_SQL: Final = "INSERT INTO subject_keys (user_id, key_sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def load_signer(connection: PostgresPool | PostgresConnection, box: SigningKeyBox) -> CheckpointSigner:
    """What knows all keys; WrongKeyEncryptionKeyError when one was sealed with another key encryption key."""
    return CheckpointSigner([box.open(*row) for row in await connection.fetch(_LOAD_SQL)], _STATEMENT_TYPE)


async def ensure_signer(connection: PostgresConnection, box: SigningKeyBox, now: datetime) -> CheckpointSigner:
    """The same after making the key that is due, in the caller's transaction, however many callers there are."""
    await connection.execute(_LOCK_SQL)
    keys: list[SigningKey] = [box.open(*row) for row in await connection.fetch(_LOAD_SQL)]
    if not keys or keys[-1].active_from <= now - _KEY_LIFE:
        # The prefix keeps them apart from keys of access tokens, also as bound data of their sealing.
        key = replace(box.new(now), kid=f"audit-{secrets.token_hex(_KID_BYTES)}")
        await connection.execute(_ADD_SQL, key.kid, key.public, box.seal(key), key.active_from)
        keys.append(key)
    return CheckpointSigner(keys, _STATEMENT_TYPE)


async def read_subject_keys(
    source: PostgresPool | PostgresConnection, box: SubjectKeyBox, users: Collection[int]
) -> dict[int, bytes]:
    """The keys of those that have one; ValueError when one was altered."""
    return {row[0]: box.unwrap(row[0], row[1]) for row in await source.fetch(_SUBJECT_KEYS_SQL, list(users))}


async def ensure_subject_keys(
    connection: PostgresConnection, box: SubjectKeyBox, users: Collection[int]
) -> dict[int, bytes]:
    """The same after making the missing ones of accounts that are not deleted, in the caller's transaction."""
    if not users:
        return {}
    keys = await read_subject_keys(connection, box, users)
    missing = [user for user in users if user not in keys]
    if not missing:
        return keys
    living = [row[0] for row in await connection.fetch(_LIVING_SQL, missing)]
    if not living:
        return keys
    await connection.executemany(_ADD_SUBJECT_KEY_SQL, [(user, box.wrap(user, box.new())) for user in living])
    # Somebody else's may have been first.
    return await read_subject_keys(connection, box, users)
