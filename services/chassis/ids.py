"""Time-sorted 64-bit ids: 41 bits of milliseconds, 10 of logical shard, 12 of a sequence."""

from __future__ import annotations

from typing import Final

EPOCH_MS: Final = 1_704_067_200_000
"""2024-01-01T00:00:00Z, the zero of every id, in milliseconds since 1970."""

SHARDS: Final = 1024
MAX_ID: Final = (1 << 63) - 1

_SHARD_SHIFT: Final = 12
_TIME_SHIFT: Final = 22
_SEQ_MASK: Final = 0xFFF
_SHARD_MASK: Final = SHARDS - 1

# Every service's first migration runs these before any table. Two functions over one sequence: daira_id(shard) for
# things that live with their author, and daira_id() whose shard is the sequence's own low bits, for users.
ID_DDL: Final[tuple[str, ...]] = (
    "CREATE SEQUENCE id_seq AS bigint",
    f"""
    CREATE FUNCTION daira_id(shard int) RETURNS bigint LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
        SELECT ((floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - {EPOCH_MS}) << {_TIME_SHIFT})
            | ((shard & {_SHARD_MASK})::bigint << {_SHARD_SHIFT})
            | (nextval('id_seq') & {_SEQ_MASK})
    $$
    """,
    f"""
    CREATE FUNCTION daira_id() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
        SELECT ((floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - {EPOCH_MS}) << {_TIME_SHIFT})
            | ((n & {_SHARD_MASK}) << {_SHARD_SHIFT})
            | (n & {_SEQ_MASK})
        FROM nextval('id_seq') AS n
    $$
    """,
)


def first_id_sql(moment: str) -> str:
    """The SQL of the least id made at a moment, which is an SQL expression of type timestamptz."""
    return f"(((extract(epoch FROM {moment}) * 1000)::bigint - {EPOCH_MS}) << {_TIME_SHIFT})"


def compose(ms: int, shard: int, seq: int) -> int:
    """The id of a moment (milliseconds since 1970), a shard (0..1023) and a sequence (0..4095); ValueError outside."""
    if not 0 <= ms - EPOCH_MS < 1 << 41 or not 0 <= shard < SHARDS or not 0 <= seq <= _SEQ_MASK:
        raise ValueError(f"no id for ms={ms} shard={shard} seq={seq}")
    return (ms - EPOCH_MS) << _TIME_SHIFT | shard << _SHARD_SHIFT | seq


def timestamp_ms(identifier: int) -> int:
    """When the id was made, in milliseconds since 1970."""
    return (identifier >> _TIME_SHIFT) + EPOCH_MS


def shard_of(identifier: int) -> int:
    """The logical shard in the id, 0..1023."""
    return identifier >> _SHARD_SHIFT & _SHARD_MASK


def first_id_at(ms: int) -> int:
    """The least id of a moment in milliseconds since 1970: the bound of a partition by id."""
    return compose(ms, 0, 0)
