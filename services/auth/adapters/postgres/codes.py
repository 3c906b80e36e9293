"""Flows of one-time codes in PostgreSQL: trying, redeeming and repeating are one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres import event_payloads
from services.auth.adapters.postgres.accounts import NEW_ID_SQL
from services.auth.adapters.postgres.code_charging import BudgetSpentError, charge_all
from services.auth.adapters.postgres.purging import purge
from services.auth.adapters.postgres.session_ending import end_sessions
from services.auth.adapters.postgres.session_opening import (
    account_closed_as_app_error,
    open_session_sql,
    session_arguments,
    started_session,
)
from services.auth.adapters.postgres.sessions import SESSION_COLUMNS, session_of
from services.auth.application.code_ports import (
    Asking,
    BudgetCharge,
    BudgetSpent,
    NewFlow,
    NewMessage,
    OpenedFlow,
    RedeemedFlow,
    Redemption,
    RepeatedRedemption,
    ReservedTry,
    Shares,
)
from services.auth.domain.session import SessionEnd
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

# Of twins with one key the second waits here until the first has committed or was refused.
_OPEN_SQL: Final = """
    INSERT INTO code_flows (flow_hash, device_hash, purpose, phone_sealed, code_hash, made_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING true
"""
_FIND_SQL: Final = "SELECT made_at, expires_at FROM code_flows WHERE flow_hash = $1"

# Whether the number was ever shown to be its account's, and whether the device has signed in to it: one statement, and
# the same work, for numbers without an account too.
_STANDING_SQL: Final = """
    SELECT count(a.phone_proved_at) > 0 AS is_proved, count(d.user_id) > 0 AS is_familiar
    FROM accounts a LEFT JOIN devices d ON d.user_id = a.user_id AND d.device_hash = $2 WHERE a.phone = $1
"""
_MESSAGE_SQL: Final = "INSERT INTO code_messages (reference, sealed, expires_at, next_send_at) VALUES ($1, $2, $3, $4)"

# Counted under the row's lock before anything is compared: of any number of guesses at once $4 are ever compared.
_RESERVE_SQL: Final = """
    UPDATE code_flows SET tries = tries + 1
    WHERE flow_hash = $1 AND device_hash = $2 AND redeemed_at IS NULL AND expires_at > $3 AND tries < $4
    RETURNING code_hash, phone_sealed, $4 - tries AS tries_left
"""

# Flow, account, session, refresh token and events, or nothing at all. Two flows of one new number may be redeemed at
# once, or one while somebody registers it: the later INSERT then meets the other's account, which xmax tells, and the
# statement is made anew, now that it sees that account.
#
# Whoever makes an account with a password only says that a phone is theirs. The first who shows it is its owner: a
# password set before is forgotten, and `strangers` are the sessions to end.
_REDEEM_SQL: Final = f"""
    WITH flow AS (
        UPDATE code_flows SET redeemed_at = $2, session_id = $8, refresh_sealed = $4, refresh_expires_at = $5
        WHERE flow_hash = $1 AND redeemed_at IS NULL RETURNING flow_hash
    ), known AS (
        SELECT user_id, phone_proved_at FROM accounts WHERE phone = $3 AND EXISTS (SELECT FROM flow)
    ), made AS (
        INSERT INTO accounts (phone, register_key, created_at, phone_proved_at)
        SELECT $3, '', $2, $2 FROM flow WHERE NOT EXISTS (SELECT FROM known)
        ON CONFLICT (phone) DO UPDATE SET phone = excluded.phone RETURNING user_id, xmax <> 0 AS is_met
    ), account AS (
        SELECT user_id, false AS is_new, false AS is_met FROM known
        UNION ALL SELECT user_id, true AS is_new, is_met FROM made
    ), proved AS (
        UPDATE accounts a SET phone_proved_at = $2, password_hash = NULL
        FROM known k WHERE a.user_id = k.user_id AND k.phone_proved_at IS NULL RETURNING a.user_id
    ), event AS (
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
        SELECT $6, user_id, 1, user_id, $7 FROM account WHERE is_new RETURNING aggregate_id
    ), told AS (
        SELECT user_id, is_new, is_met, (SELECT count(*) FROM event) AS events FROM account
    )
    SELECT user_id, is_new, is_met, s.epoch, s.roles, ARRAY(
        SELECT session_id FROM sessions JOIN proved USING (user_id) WHERE ended_at IS NULL AND expires_at > $2
    ) AS strangers FROM told, LATERAL {open_session_sql(8, "CASE WHEN events >= 0 THEN user_id END")} AS s
"""

_REPEAT_SQL: Final = f"""
    UPDATE code_flows f SET repeats = repeats + 1 FROM sessions s JOIN accounts a ON a.user_id = s.user_id
    WHERE f.flow_hash = $1 AND f.device_hash = $2 AND f.redeemed_at >= $4 AND f.repeats < $5
        AND s.session_id = f.session_id AND s.ended_at IS NULL AND s.expires_at > $3
    RETURNING {SESSION_COLUMNS}, a.created_at = f.redeemed_at AS is_new,
        f.code_hash, f.refresh_sealed, f.refresh_expires_at
"""

_PURGE_FLOWS_SQL: Final = """
    DELETE FROM code_flows WHERE flow_hash IN (
        SELECT flow_hash FROM code_flows WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""
_PURGE_BUDGETS_SQL: Final = """
    DELETE FROM code_budgets WHERE (subject, window_s) IN (
        SELECT subject, window_s FROM code_budgets WHERE ends_at < $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class _MetAnotherError(Exception):
    """Rolls a transaction back: the account to make was made by somebody else at this moment."""


class PostgresCodes:
    """The flows of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def open(
        self, flow: NewFlow, phone: str, message: NewMessage, asking: Asking, shares: Shares
    ) -> OpenedFlow | BudgetSpent:
        """Open the flow, charge the budgets and put the message into the outbox; a flow that is there is answered."""
        try:
            async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                opened = await connection.fetchval(
                    _OPEN_SQL,
                    flow.flow_hash,
                    flow.device_hash,
                    flow.purpose.value,
                    flow.phone_sealed,
                    flow.code_hash,
                    flow.made_at,
                    flow.expires_at,
                )
                if not opened:
                    row = await connection.fetchrow(_FIND_SQL, flow.flow_hash)
                    # Forgotten between the two statements: it ended days ago.
                    made_at, expires_at = row if row is not None else (flow.made_at, flow.made_at)
                    return OpenedFlow(made_at, expires_at, is_repeat=True)
                standing = await connection.fetch(_STANDING_SQL, phone, asking.device_digest)
                is_proved, is_familiar = standing[0]
                await charge_all(connection, asking.familiar if is_familiar else asking.strange, flow.made_at)
                return await _send(connection, flow, message, shares.proved if is_proved else shares.new)
        except BudgetSpentError as error:
            return error.spent

    async def reserve(self, flow_hash: bytes, device_hash: bytes, now: datetime, tries: int) -> ReservedTry | None:
        """Count a try before it is made; None when the flow takes none."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_RESERVE_SQL, flow_hash, device_hash, now, tries)
        return None if row is None else ReservedTry(*row)

    async def redeem(self, redemption: Redemption) -> RedeemedFlow | None:
        """Use the flow up, start its session, make the account if need be; None when the flow is used."""
        async with account_closed_as_app_error(), self._pool.acquire() as connection:
            while True:
                try:
                    async with connection.transaction():
                        return await _redeem(connection, redemption)
                except _MetAnotherError:
                    continue
                except asyncpg.IntegrityConstraintViolationError as error:
                    # Its DETAIL repeats the row, number included, which must not reach a log.
                    raise RuntimeError(f"account refused by {error.constraint_name}") from None

    async def reserve_repeat(
        self, flow_hash: bytes, device_hash: bytes, now: datetime, redeemed_after: datetime, repeats: int
    ) -> RepeatedRedemption | None:
        """Count a repeat of a flow redeemed since a moment, whose session lives; None when there is none."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_REPEAT_SQL, flow_hash, device_hash, now, redeemed_after, repeats)
        if row is None:
            return None
        redeemed = RedeemedFlow(session_of(row), row["is_new"])
        return RepeatedRedemption(redeemed, row["code_hash"], row["refresh_sealed"], row["refresh_expires_at"])

    async def purge_flows(self, ended_before: datetime, limit: int) -> int:
        """Forget at most `limit` flows that ended before; how many."""
        return await purge(self._pool, _PURGE_FLOWS_SQL, ended_before, limit)

    async def purge_budgets(self, ended_before: datetime, limit: int) -> int:
        """Forget at most `limit` windows that ended before; how many."""
        return await purge(self._pool, _PURGE_BUDGETS_SQL, ended_before, limit)


async def _send(
    connection: PostgresConnection, flow: NewFlow, message: NewMessage, share: Sequence[BudgetCharge]
) -> OpenedFlow:
    try:
        # A share that is spent takes back what was charged beside it, and no more.
        async with connection.transaction():
            uses = await charge_all(connection, share, flow.made_at)
            await connection.execute(_MESSAGE_SQL, message.reference, message.sealed, flow.expires_at, flow.made_at)
    except BudgetSpentError as error:
        return OpenedFlow(flow.made_at, flow.expires_at, withheld=error.spent)
    return OpenedFlow(flow.made_at, flow.expires_at, uses=uses)


async def _redeem(connection: PostgresConnection, redemption: Redemption) -> RedeemedFlow | None:
    session, now = redemption.session, redemption.session.started_at
    session_id: int = await connection.fetchval(NEW_ID_SQL)
    row = await connection.fetchrow(
        _REDEEM_SQL,
        redemption.flow_hash,
        now,
        redemption.phone,
        redemption.refresh_sealed,
        session.refresh_expires_at,
        event_payloads.USER_REGISTERED,
        event_payloads.user_registered(),
        *session_arguments(session_id, session),
    )
    if row is None:
        return None
    if row["is_met"]:
        raise _MetAnotherError
    await end_sessions(connection, row["user_id"], 0, row["strangers"], SessionEnd.PHONE_PROVED, now)
    started = started_session(row["user_id"], session_id, session, row)
    return RedeemedFlow(started, row["is_new"])
