"""What analytics holds about a person: their figures as an author, and what logs said that they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.analytics.adapters.clickhouse.event_store import ClickHouseEventStore
from services.chassis.ids import EPOCH_MS
from services.personal_data.pages import Keys, PersonalSections, Row, Section

# An event's id is made where the event is, by another clock than its time: a day between them is more than enough, and
# keeps months before the last row from being read again. Only numbers are ever put into these texts.
_EVENTS_SQL: Final = """
    SELECT event_id, service, kind, aggregate_id, author_id, post_id, session_id, amount_piastres, fee_piastres,
        vat_piastres, language, body, toString(occurred_at)
    FROM events
    WHERE actor_id = {user_id:d} AND event_id > {after:d} AND occurred_at >= toDateTime({from_s:d}, 'UTC')
    ORDER BY event_id LIMIT 1 BY event_id LIMIT {limit:d}
"""
_NUMBERS: Final = ("aggregate_id", "author_id", "post_id", "session_id")
_AMOUNTS: Final = ("amount_piastres", "fee_piastres", "vat_piastres")
_TIME_SHIFT: Final = 22
_DAY_S: Final = 86_400


def analytics_data(store: ClickHouseEventStore) -> PersonalSections:
    """The sections of the column store."""

    async def figures(user_id: int, after: Keys, limit: int) -> Sequence[Row]:
        days = sorted((await store.author_days(user_id)).items())
        rows: list[Row] = [
            (
                (day.toordinal(),),
                {"day": day, "posts": of_day.posts, "likes": of_day.likes, "followers": of_day.followers,
                 "tips": of_day.tips, "tips_piastres": of_day.tips_piastres},
            )
            for day, of_day in days
            if day.toordinal() > after[0]
        ]  # fmt: skip
        return rows[:limit]

    async def events(user_id: int, after: Keys, limit: int) -> Sequence[Row]:
        from_s = ((after[0] >> _TIME_SHIFT) + EPOCH_MS) // 1000 - _DAY_S
        rows = await store.query(
            _EVENTS_SQL.format(user_id=user_id, after=after[0], from_s=max(0, from_s), limit=limit)
        )
        return [_event(*row) for row in rows]

    return PersonalSections([Section("figures_of_day", 1, figures), Section("event", 1, events)])


def _event(event_id: object, service: object, kind: object, *details: object) -> Row:
    numbers = [int(str(number)) for number in details[:7]]
    language, body, occurred_at = (str(text) for text in details[7:])
    thing: dict[str, object] = {"service": service, "kind": kind}
    # A nought says that the kind has no such number.
    thing |= {name: number for name, number in zip((*_NUMBERS, *_AMOUNTS), numbers, strict=True) if number}
    thing |= {name: text for name, text in (("language", language), ("body", body)) if text}
    thing["occurred_at"] = f"{occurred_at.replace(' ', 'T')}+00:00"
    return (int(str(event_id)),), thing
