"""The root key in a service's database: made by whoever starts first, sealed anew when the key in the settings changes.

Of a table `root_key (singleton boolean PRIMARY KEY, sealed bytea, sealed_at timestamptz)`.
"""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.sealing.key_encryption import KeyEncryptionKeys, new_root_key

_SELECT_SQL: Final = "SELECT sealed FROM root_key"
_INSERT_SQL: Final = "INSERT INTO root_key (sealed) VALUES ($1) ON CONFLICT DO NOTHING"
_RESEAL_SQL: Final = "UPDATE root_key SET sealed = $2, sealed_at = clock_timestamp() WHERE sealed = $1"
_HAS_TABLE_SQL: Final = "SELECT to_regclass('root_key') IS NOT NULL"


async def has_root_key_table(pool: PostgresPool) -> bool:
    """Whether the database is migrated so far. AppError UNAVAILABLE when it is away."""
    async with unavailable_as_app_error():
        return bool(await pool.fetchval(_HAS_TABLE_SQL))


async def load_root_key(pool: PostgresPool, keys: KeyEncryptionKeys, *, in_use_sql: str = "SELECT false") -> bytes:
    """The root key, made now if there is none. WrongKeyEncryptionKeyError, or AppError UNAVAILABLE.

    `in_use_sql` says whether the key in the settings was itself the root key before there was one; then it stays it.
    """
    async with unavailable_as_app_error(), pool.acquire() as connection:
        sealed = await connection.fetchval(_SELECT_SQL)
        if sealed is None:
            is_in_use = await connection.fetchval(in_use_sql)
            await connection.execute(_INSERT_SQL, keys.seal(keys.current if is_in_use else new_root_key()))
            # Another process may have been faster: whose row is there counts.
            sealed = await connection.fetchval(_SELECT_SQL)
    return keys.open(sealed)[0]


async def reseal_root_key(pool: PostgresPool, keys: KeyEncryptionKeys) -> bool:
    """Seal the root key under the key of today; False when it is already. WrongKeyEncryptionKeyError; UNAVAILABLE."""
    async with unavailable_as_app_error():
        sealed = await pool.fetchval(_SELECT_SQL)
        root_key, is_current = keys.open(sealed)
        if not is_current:
            await pool.execute(_RESEAL_SQL, sealed, keys.seal(root_key))
        return not is_current
