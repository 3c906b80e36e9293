"""Forgetting people in ClickHouse: who is gone is written down first, so that nothing of them is stored again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.domain.forgotten import KINDS_ABOUT_THINGS

_ABOUT_THINGS: Final = ", ".join(f"'{kind}'" for kind in sorted(KINDS_ABOUT_THINGS))
# Only numbers are ever put into these texts. Deleting is the engine's own work in the background: the statement says
# only what, survives a restart, and bears repetition.
_DELETE_SQL: Final = (
    (
        f"ALTER TABLE events DELETE WHERE actor_id IN ({{ids}}) OR author_id IN ({{ids}})"
        f" OR (aggregate_id IN ({{ids}}) AND kind NOT IN ({_ABOUT_THINGS}))"
    ),
    "ALTER TABLE author_facts DELETE WHERE author_id IN ({ids})",
)
_ALL_SQL: Final = "SELECT DISTINCT user_id FROM forgotten"
_DUE_SQL: Final = """
    SELECT user_id FROM forgotten GROUP BY user_id
    HAVING max(passes) < {passes:d} AND min(asked_at_s) <= {before_s:d} LIMIT {limit:d}
"""
_COLUMNS: Final = ("user_id", "passes", "asked_at_s")
# Below what a statement may be long, whatever the ids are.
_AT_ONCE: Final = 500
_PASSES: Final = 2
# Longer than a batch that was on its way when somebody was forgotten takes to arrive.
SECOND_PASS_AFTER: Final = timedelta(minutes=1)


async def everybody(clickhouse: ClickHouse) -> list[int]:
    """All who are gone."""
    return [int(user_id) for (user_id,) in await clickhouse.query(_ALL_SQL)]


async def forget(clickhouse: ClickHouse, user_ids: Sequence[int], now: datetime) -> None:
    """Write down that they are gone, and delete what is theirs."""
    await _forget(clickhouse, user_ids, 1, now)


async def forget_again(clickhouse: ClickHouse, now: datetime) -> int:
    """Delete once more what is of those who were forgotten a while ago; how many people these are."""
    before_s = int((now - SECOND_PASS_AFTER).timestamp())
    due = await clickhouse.query(_DUE_SQL.format(passes=_PASSES, before_s=before_s, limit=_AT_ONCE))
    await _forget(clickhouse, [int(user_id) for (user_id,) in due], _PASSES, now)
    return len(due)


async def _forget(clickhouse: ClickHouse, user_ids: Sequence[int], passed: int, now: datetime) -> None:
    asked_at_s = int(now.timestamp())
    for start in range(0, len(user_ids), _AT_ONCE):
        some = user_ids[start : start + _AT_ONCE]
        ids = ", ".join(f"{user_id:d}" for user_id in some)
        rows = [(user_id, passed, asked_at_s) for user_id in some]
        if passed < _PASSES:
            await clickhouse.insert("forgotten", _COLUMNS, rows)
        for statement in _DELETE_SQL:
            await clickhouse.execute(statement.format(ids=ids))
        if passed == _PASSES:
            await clickhouse.insert("forgotten", _COLUMNS, rows)
