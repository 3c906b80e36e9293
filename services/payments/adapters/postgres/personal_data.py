"""What payments holds about a person: wallet, debt, every line of both, top-ups, limits, and what is under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from services.chassis.ids import MAX_ID
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.adapters.instrument_box import InstrumentBox
from services.personal_data.pages import Keys, PersonalSections, Row, Section
from services.personal_data.postgres_sections import only_row, postgres_section

_WALLET: Final = only_row(
    "currency, posted AS balance_piastres, held AS held_piastres, opened_at, closed_at",
    "accounts WHERE id = $1 AND kind = 'wallet'",
)
_DEBT: Final = only_row(
    "currency, -posted AS owed_piastres, opened_at", "accounts WHERE id = -$1::bigint AND kind = 'recovery'"
)
# A line's number has no holes, so none is lost; whom it concerned is an id, which is also held of them.
_LINES: Final = """
    SELECT e.version, e.version AS number, e.transfer_id, t.kind, e.amount AS amount_piastres,
        e.balance_after AS balance_after_piastres, t.amount AS whole_piastres, t.fee AS fee_piastres,
        t.vat AS vat_piastres, nullif(CASE t.actor_id WHEN $1 THEN t.recipient_id ELSE t.actor_id END, $1) AS other_id,
        nullif(t.post_id, 0) AS post_id, t.reverses AS reversed_transfer_id, t.posted_at
    FROM (
        SELECT * FROM entries WHERE account_id = {account} AND version > $2 ORDER BY version LIMIT $3
    ) AS e JOIN transfers t ON t.id = e.transfer_id ORDER BY e.version
"""
_TOP_UP: Final = """
    SELECT id, id, amount AS amount_piastres, rail, state, reason, transfer_id, begun_at, settled_at
    FROM top_ups WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""
_REASON: Final = """
    SELECT r.transfer_id, r.transfer_id, t.kind, t.amount AS amount_piastres, r.reason, t.posted_at
    FROM transfer_reasons r JOIN transfers t ON t.id = r.transfer_id
    WHERE r.person_id = $1 AND r.transfer_id > $2 ORDER BY r.transfer_id LIMIT $3
"""
_HOLD: Final = """
    SELECT id, id, amount AS amount_piastres, purpose, placed_at, expires_at
    FROM holds WHERE account_id = $1 AND state = 'open' AND id > $2 ORDER BY id LIMIT $3
"""
# What a person began and did not end in one step, with what was asked of providers for it.
_PROCESS: Final = """
    SELECT s.id, s.id, s.kind, s.state, s.reason, s.data AS data_json, s.started_at, s.ended_at, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('kind', o.kind, 'rail', o.rail, 'amount_piastres', o.amount,
            'state', o.state, 'reference', o.provider_reference, 'made_at', o.made_at, 'settled_at', o.settled_at)
            ORDER BY o.id), '[]')
        FROM provider_operations o WHERE o.saga_id = s.id
    ) AS asked_of_providers_json
    FROM sagas s WHERE s.subject_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3
"""
_KNOWN: Final = only_row("level, known_since", "known_people WHERE user_id = $1")
_USAGE: Final = f"""
    SELECT place, rail, month, month_used AS month_piastres, day, day_used AS day_piastres, hour, hour_count FROM (
        SELECT *, hashtextextended(rail, 0) & {MAX_ID} AS place FROM limit_usage WHERE user_id = $1
    ) AS u WHERE place > $2 ORDER BY place LIMIT $3
"""
_BLOCK: Final = """
    SELECT blocked_id, blocked_id FROM blocked_pairs
    WHERE blocker_id = $1 AND blocked_id > $2 ORDER BY blocked_id LIMIT $3
"""
_PLAN: Final = """
    SELECT p.id, p.id AS plan_id, p.name_ar, p.name_en, p.months, p.trial_days, p.created_at, p.archived_at, (
        SELECT jsonb_agg(jsonb_build_object('price_piastres', r.price, 'effective_from', r.effective_from)
            ORDER BY r.effective_from)
        FROM plan_prices r WHERE r.plan_id = p.id
    ) AS prices_json
    FROM plans p WHERE p.creator_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3
"""
# Whose subscriptions the person has, and who has one to them; how the other pays is the other's.
_SUBSCRIPTION: Final = """
    SELECT s.id, s.id AS subscription_id, s.subscriber_id, s.creator_id, s.plan_id, s.state, s.price AS price_piastres,
        CASE s.subscriber_id WHEN $1 THEN s.source END AS source, s.period, s.period_start, s.period_end,
        s.access_until, s.cancel_at_end, s.started_at, s.changed_at
    FROM subscriptions s WHERE (s.subscriber_id = $1 OR s.creator_id = $1) AND s.id > $2 ORDER BY s.id LIMIT $3
"""
_INVOICE: Final = """
    SELECT i.id, i.id AS invoice_id, i.subscription_id, i.number, i.state, i.total AS total_piastres,
        i.lines AS lines_json, i.transfer_id, i.made_at, i.settled_at
    FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id
    WHERE (s.subscriber_id = $1 OR s.creator_id = $1) AND i.id > $2 ORDER BY i.id LIMIT $3
"""

_INSTRUMENT: Final = """
    SELECT id, rail, network, label, sealed, added_at, removed_at FROM instruments
    WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""

NOT_EXPORTED: Final = {
    "limits": "the same for all",
    "ledger_seals": "hashes of the ledger's rows",
    "ledger_seal_state": "a place in the chain of those",
    "ledger_checkpoints": "signed places in that chain",
    "ledger_keys": "keys that sign them",
    "trial_balances": "sums over all accounts",
    "settlement_reports": "words of providers, which name operations only",
    "settlement_lines": "words of providers, which name operations only",
    "reconciliation_runs": "sums over all operations",
    "reconciliation_breaks": "where sums of operations differ",
    "root_key": "opens what is sealed",
    "rates": "the same for all",
    "billed_periods": "which invoice paid a period; the invoices are exported",
    "saga_steps": "the way to the state that a process has",
    "saga_signals": "what a process is told on the way",
    "provider_inbox": "words of providers, which name operations only",
    "sandbox_payments": "a provider's own book, for developers, without people",
    "events": "what happened, of which the other tables are the state",
    "event_positions": "places in the log",
    "relay_state": "a place in the log",
    "consumer_cursors": "places in logs",
    "dead_letters": "events that could not be applied",
    "alembic_version": "of the schema",
}
"""Tables that no section reads, and why not."""


def _instruments(pool: PostgresPool, box: InstrumentBox) -> Section:
    """Where the person is paid out, in the clear: it is theirs."""

    async def fetch(user_id: int, after: Keys, limit: int) -> Sequence[Row]:
        async with unavailable_as_app_error():
            found = await pool.fetch(_INSTRUMENT, user_id, *after, limit)
        return [((row["id"],), _opened(box, user_id, row)) for row in found]

    return Section("instrument", 1, fetch)


def _opened(box: InstrumentBox, user_id: int, row: asyncpg.Record) -> dict[str, Any]:
    thing = {name: value for name, value in row.items() if name not in {"id", "sealed"}} | {"instrument_id": row["id"]}
    if row["sealed"] is not None:
        thing["account"], thing["holder_name"], thing["national_id"] = box.open(row["id"], user_id, row["sealed"])
    return thing


def payments_data(pool: PostgresPool, box: InstrumentBox) -> PersonalSections:
    """The sections of payments' database; `box` opens what is sealed of them."""
    return PersonalSections(
        [
            postgres_section(pool, "wallet", _WALLET),
            postgres_section(pool, "wallet_line", _LINES.format(account="$1")),
            postgres_section(pool, "debt", _DEBT),
            postgres_section(pool, "debt_line", _LINES.format(account="-$1::bigint")),
            postgres_section(pool, "top_up", _TOP_UP),
            postgres_section(pool, "given_back", _REASON),
            postgres_section(pool, "hold", _HOLD),
            postgres_section(pool, "process", _PROCESS),
            postgres_section(pool, "known_person", _KNOWN),
            postgres_section(pool, "plan", _PLAN),
            postgres_section(pool, "subscription", _SUBSCRIPTION),
            postgres_section(pool, "invoice", _INVOICE),
            _instruments(pool, box),
            postgres_section(pool, "limit_usage", _USAGE),
            postgres_section(pool, "block", _BLOCK),
        ]
    )
