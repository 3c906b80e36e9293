"""Daily partitions, made ahead of time and dropped in time, by hand-sized SQL: no extension is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from services.chassis.ids import first_id_at
from services.chassis.postgres import PostgresConnection

_MAX_DAYS: Final = 400
# Waiting longer would queue writers behind this lock; the caller tries again later.
_LOCK_TIMEOUT: Final = "500ms"
# Not to_regclass: after a wait for an advisory lock it may still answer from the session's older catalogue cache.
_EXISTS_SQL: Final = (
    "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND relnamespace = current_schema()::regnamespace)"
)
# The names of a table's days sort as the days do.
_DAYS_SQL: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = $1 AND p.relnamespace = current_schema()::regnamespace AND c.relname ~ ('^' || $1 || '_p[0-9]{8}$')
ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class DailyTable:
    """A table partitioned by RANGE of a day: of `column`, a timestamptz when key is "time", or a time-sorted id."""

    name: str
    key: Literal["time", "id"] = "time"
    column: str = ""
    # Whole days before today that are kept; None keeps everything.
    kept_days: int | None = None

    @property
    def key_column(self) -> str:
        """The column of the partition key: `column`, or the usual one of its kind."""
        return self.column or ("occurred_at" if self.key == "time" else "id")

    def bounds(self, day: datetime) -> tuple[str, str]:
        """The SQL literals of the first key of the day and the first after it."""
        following = day + timedelta(days=1)
        if self.key == "time":
            return f"'{day.isoformat()}'", f"'{following.isoformat()}'"
        return str(first_id_at(_epoch_ms(day))), str(first_id_at(_epoch_ms(following)))


async def ensure_daily_partitions(
    connection: PostgresConnection, table: DailyTable, *, now: datetime, days_back: int = 1, days_ahead: int = 7
) -> list[str]:
    """Make the missing partitions from `days_back` before to `days_ahead` after `now`, in UTC days; their names.

    Safe to run anywhere, any number of times at once. Rows that fell into `<table>_default` meanwhile are moved.
    """
    if not (0 <= days_back <= _MAX_DAYS and 0 <= days_ahead <= _MAX_DAYS):
        raise ValueError(f"at most {_MAX_DAYS} days either way")
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    made: list[str] = []
    for offset in range(-days_back, days_ahead + 1):
        day = today + timedelta(days=offset)
        name = f"{table.name}_p{day:%Y%m%d}"
        if await connection.fetchval(_EXISTS_SQL, name):
            continue
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"partitions:{table.name}")
            # Somebody else may have made it while this one waited.
            if not await connection.fetchval(_EXISTS_SQL, name):
                await _make(connection, table, name, day, written_now=day <= today)
                made.append(name)
    return made


async def drop_old_partitions(connection: PostgresConnection, table: DailyTable, *, now: datetime) -> list[str]:
    """Drop the partitions of days that are kept no longer; their names. Rows without a partition are left.

    Safe to run anywhere, any number of times at once.
    """
    if table.kept_days is None:
        return []
    first_kept = f"{table.name}_p{now.astimezone(UTC) - timedelta(days=table.kept_days):%Y%m%d}"
    names = [row[0] for row in await connection.fetch(_DAYS_SQL, table.name)]
    dropped = [name for name in names if name < first_kept]
    for name in dropped:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.execute(f"DROP TABLE IF EXISTS {name}")
    return dropped


async def _make(
    connection: PostgresConnection, table: DailyTable, name: str, day: datetime, *, written_now: bool
) -> None:
    low, high = table.bounds(day)
    if written_now:
        # A row that was already on its way to the default partition would be refused there once this one exists.
        await connection.execute(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")
    # ATTACH, unlike CREATE … PARTITION OF, lets the table be read and written meanwhile.
    await connection.execute(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    if await connection.fetchval(_EXISTS_SQL, f"{table.name}_default"):
        await connection.execute(f"LOCK TABLE {table.name}_default IN ACCESS EXCLUSIVE MODE")
        await connection.execute(
            f"WITH moved AS (DELETE FROM {table.name}_default"
            f" WHERE {table.key_column} >= {low} AND {table.key_column} < {high} RETURNING *)"
            f" INSERT INTO {name} SELECT * FROM moved"
        )
    await connection.execute(f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")


def _epoch_ms(day: datetime) -> int:
    return int(day.timestamp()) * 1000
