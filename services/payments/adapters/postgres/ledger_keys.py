"""The keys that sign the ledger's checkpoints, in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.chassis.postgres import PostgresConnection
from services.hash_chain.key_box import ChainKeyBox
from services.hash_chain.signing import CheckpointSigner
from services.sealing.seal import derive_key

# Old keys verify for ever; a new one signs after a year.
_KEY_LIFE: Final = timedelta(days=365)
_STATEMENT_TYPE: Final = "ledger-checkpoint+jws"

_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('payments.ledger_keys', 0))"
_LOAD_SQL: Final = "SELECT kid, public_key, private_key_sealed, active_from FROM ledger_keys ORDER BY active_from"
_ADD_SQL: Final = "INSERT INTO ledger_keys (kid, public_key, private_key_sealed, active_from) VALUES ($1, $2, $3, $4)"


def ledger_key_box(root_key: bytes) -> ChainKeyBox:
    """What seals these keys, made from the service's root key."""
    return ChainKeyBox(derive_key(root_key, b"daira ledger checkpoint keys v1"), "ledger")


async def load_signer(connection: PostgresConnection, box: ChainKeyBox) -> CheckpointSigner:
    """What knows all keys; WrongKeyEncryptionKeyError when one was altered or sealed with another key."""
    return CheckpointSigner([box.open(*row) for row in await connection.fetch(_LOAD_SQL)], _STATEMENT_TYPE)


async def ensure_signer(connection: PostgresConnection, box: ChainKeyBox, now: datetime) -> CheckpointSigner:
    """The same after making the key that is due, in the caller's transaction, however many callers there are."""
    await connection.execute(_LOCK_SQL)
    keys = [box.open(*row) for row in await connection.fetch(_LOAD_SQL)]
    if not keys or keys[-1].active_from <= now - _KEY_LIFE:
        key = box.new(now)
        await connection.execute(_ADD_SQL, key.kid, key.public, box.seal(key), key.active_from)
        keys.append(key)
    return CheckpointSigner(keys, _STATEMENT_TYPE)
