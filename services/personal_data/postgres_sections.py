"""Sections of personal data that are rows of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.ids import EPOCH_MS
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.personal_data.pages import Keys, Row, Section


def microseconds(column: str) -> str:
    """SQL: a moment as whole microseconds since 1970, which a key is."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def moment(parameter: str) -> str:
    """SQL: the moment of microseconds since 1970."""
    return f"('epoch'::timestamptz + {parameter}::bigint * interval '1 microsecond')"


def made_at(identifier: str) -> str:
    """SQL: when a time-sorted id was made."""
    return f"to_timestamp((({identifier} >> 22) + {EPOCH_MS}) / 1000.0)"


def postgres_section(pool: PostgresPool, kind: str, statement: str, *, keys: int = 1) -> Section:
    """Rows of a statement whose first `keys` columns are the key and the others the thing.

    Its parameters are the person, the keys to go on after, and the most rows. Columns show under their names: those
    that end in _id or _ids as text, those that end in _json as what they hold, without that ending.
    """

    async def fetch(user_id: int, after: Keys, limit: int) -> Sequence[Row]:
        async with unavailable_as_app_error():
            found = await pool.fetch(statement, user_id, *after, limit)
        return [(tuple(row)[:keys], dict(list(row.items())[keys:])) for row in found]

    return Section(kind, keys, fetch)


def only_row(columns: str, source: str) -> str:
    """The statement of a section with one row at most; `source` names the person as $1."""
    return f"SELECT 1::bigint, {columns} FROM {source} AND $2::bigint < 1 LIMIT $3"
