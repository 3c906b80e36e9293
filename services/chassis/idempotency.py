"""Idempotency keys: the same key and body get the same answer, once, however often they are sent."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final

from services.chassis.errors import invalid, key_reused
from services.chassis.postgres import PostgresConnection, affected_rows

IDEMPOTENCY_DDL: Final[tuple[str, ...]] = (
    """
    CREATE TABLE idempotency_keys (
        actor_id bigint NOT NULL,
        method text NOT NULL,
        key text NOT NULL,
        body_hash bytea NOT NULL,
        response bytea NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (actor_id, method, key)
    )
    """,
    "CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at)",
)

_KEY_PATTERN: Final = re.compile(r"[A-Za-z0-9_\-:.]{1,64}")


def check_key(key: str, field: str = "idempotency_key") -> str:
    """The key, or AppError INVALID_ARGUMENT: 1 to 64 characters of A-Z a-z 0-9 _ - : and dot."""
    if _KEY_PATTERN.fullmatch(key) is None:
        raise invalid(field, "must be 1 to 64 characters of A-Z a-z 0-9 _ - : .")
    return key


def body_hash(message: bytes) -> bytes:
    """32 bytes that stand for a request: pass SerializeToString(deterministic=True)."""
    return hashlib.sha256(message).digest()


async def claim(connection: PostgresConnection, actor_id: int, method: str, key: str, body: bytes) -> bytes | None:
    """Inside a transaction: None when this call is the first with its key, else the answer given before.

    `body` is body_hash of the request. A second call with the key waits here until the first has committed or rolled
    back. AppError FAILED_PRECONDITION, reason IDEMPOTENCY_KEY_REUSED, when the body differs. After None, do the work
    and call `complete` in the same transaction.
    """
    claimed = await connection.fetchval(
        "INSERT INTO idempotency_keys (actor_id, method, key, body_hash) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        actor_id, method, key, body,
    )  # fmt: skip
    if claimed:
        return None
    return await find(connection, actor_id, method, key, body)


async def complete(connection: PostgresConnection, actor_id: int, method: str, key: str, response: bytes) -> None:
    """Keep the serialised answer beside its key, in the transaction that made it."""
    await connection.execute(
        "UPDATE idempotency_keys SET response = $4 WHERE actor_id = $1 AND method = $2 AND key = $3",
        actor_id, method, key, response,
    )  # fmt: skip


async def find(connection: PostgresConnection, actor_id: int, method: str, key: str, body: bytes) -> bytes | None:
    """The answer given before to this key and body, or None; AppError IDEMPOTENCY_KEY_REUSED when the body differs."""
    row = await connection.fetchrow(
        "SELECT body_hash, response FROM idempotency_keys WHERE actor_id = $1 AND method = $2 AND key = $3",
        actor_id, method, key,
    )  # fmt: skip
    if row is None:
        return None
    if row["body_hash"] != body:
        raise key_reused()
    response: bytes = row["response"]
    return response


async def purge(connection: PostgresConnection, older_than: datetime, limit: int = 1000) -> int:
    """Forget at most `limit` keys made before `older_than`; the number forgotten."""
    status = await connection.execute(
        "DELETE FROM idempotency_keys WHERE (actor_id, method, key) IN ("
        " SELECT actor_id, method, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        older_than, limit,
    )  # fmt: skip
    return affected_rows(status)
