"""Auth's root key: in databases of before there was one, the key in the settings is it."""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresConnection, PostgresPool
from services.sealing import root_key
from services.sealing.key_encryption import KeyEncryptionKeys

_SELECT_SQL: Final = "SELECT sealed FROM root_key"
# What was sealed then must open for ever.
_IN_USE_SQL: Final = "SELECT EXISTS (SELECT FROM signing_keys)"


async def load_root_key(pool: PostgresPool, keys: KeyEncryptionKeys) -> bytes:
    """The root key, made now if there is none. WrongKeyEncryptionKeyError, or AppError UNAVAILABLE."""
    return await root_key.load_root_key(pool, keys, in_use_sql=_IN_USE_SQL)


async def read_root_key(connection: PostgresConnection, keys: KeyEncryptionKeys) -> bytes:
    """The root key, for those who only read. WrongKeyEncryptionKeyError."""
    sealed = await connection.fetchval(_SELECT_SQL)
    return keys.current if sealed is None else keys.open(sealed)[0]


async def reseal_root_key(pool: PostgresPool, keys: KeyEncryptionKeys) -> bool:
    """Seal the root key under the key of today; False when it is already. WrongKeyEncryptionKeyError; UNAVAILABLE."""
    await load_root_key(pool, keys)
    return await root_key.reseal_root_key(pool, keys)
