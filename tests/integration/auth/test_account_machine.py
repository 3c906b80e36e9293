"""Any order of acts on one account: its standing, its events and what is left agree with a model at every step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.auth.adapters.postgres.administration import PostgresAdministration
from services.auth.adapters.postgres.closing import PostgresClosing
from services.auth.application.admin_ports import Act
from services.auth.application.close_account import GRACE
from services.auth.domain.assurance import Role
from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool, create_pool
from tests.fakes.clock import FixedClock

T = TypeVar("T")
_OPEN_SQL = """
    SELECT open_session(daira_id(), $1, $2::timestamptz, $2 + interval '1 day', sha256(random()::text::bytea),
        $2 + interval '1 day', 1::smallint, 1::smallint, $2, 7::smallint, NULL, '', '', '', '', '')
"""


class AccountMachine(RuleBasedStateMachine):
    """One account, acted on by its owner, an admin and the clock."""

    url = ""
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock(time.time_ns() // 1_000_000)
        self.status, self.live = 1, 0
        self.due: datetime | None = None
        self.until: datetime | None = None
        self.pool: PostgresPool = self.wait(create_pool(self.url, application_name="machine", max_size=2))
        self.closing, self.acts = PostgresClosing(self.pool), PostgresAdministration(self.pool)
        made = "INSERT INTO accounts (email, register_key, roles) VALUES (daira_id() || '@example.com', '', $1)"
        ids = "SELECT user_id FROM accounts ORDER BY user_id DESC LIMIT 2"
        for roles in (0, Role.ADMIN.value):
            self.wait(self.pool.execute(made, roles))
        self.admin, self.user = (row[0] for row in self.wait(self.pool.fetch(ids)))

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def act(self) -> Act:
        return Act(self.admin, self.user, self.clock.now(), Role.ADMIN)

    def refuses(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
        """Whether the call is refused as those on accounts that are gone are."""
        said = ""
        try:
            self.wait(call())
        except AppError as error:
            said = error.reason
        assert said in {"", "ACCOUNT_NOT_FOUND", "TOKEN_REVOKED"}
        return bool(said)

    @rule()
    def sign_in(self) -> None:
        said = ""
        try:
            self.wait(self.pool.execute(_OPEN_SQL, self.user, self.clock.now()))
        except asyncpg.PostgresError as error:
            said = error.sqlstate
        assert said == ("" if self.status == 1 else "DA001")
        if self.status == 1:
            self.due, self.live = None, self.live + 1

    @rule()
    def request(self) -> None:
        now = self.clock.now()
        if self.refuses(lambda: self.closing.request(self.user, 0, now, now + GRACE)):
            assert self.status == 3
        else:
            self.due, self.live = self.due or now + GRACE, 0

    @rule()
    def cancel(self) -> None:
        assert self.wait(self.closing.cancel(self.user)) == (self.due is not None)
        self.due = None

    @rule()
    def suspend(self) -> None:
        until = self.clock.now() + timedelta(days=20)
        if self.refuses(lambda: self.acts.suspend(self.act(), 1, until)):
            assert self.status == 3
        else:
            self.status, self.until, self.live = 2, until, 0

    @rule()
    def lift(self) -> None:
        if not self.refuses(lambda: self.acts.lift(self.act())):
            self.status, self.until = 1, None

    @rule()
    def days_pass(self) -> None:
        self.clock.advance(15 * 86_400)

    @rule()
    def tidy(self) -> None:
        now = self.clock.now()
        self.wait(self.acts.lift_due(now, 10))
        if self.until is not None and self.until <= now:
            self.status, self.until = 1, None
        erased = self.wait(self.closing.erase(self.user, now))
        assert erased == (self.due is not None and self.due <= now)
        if erased:
            self.status, self.due, self.until, self.live = 3, None, None, 0

    @precondition(lambda self: self.status == 3)
    @rule()
    def stay_deleted(self) -> None:
        row = self.wait(self.pool.fetchrow("SELECT * FROM accounts WHERE user_id = $1", self.user))
        assert row is not None
        assert (row["email"], row["phone"], row["password_hash"], row["roles"]) == (None, None, None, 0)

    @invariant()
    def agree(self) -> None:
        row = self.wait(
            self.pool.fetchrow(
                """
                SELECT status, (SELECT due_at FROM deletion_requests d WHERE d.user_id = $1) AS due,
                    (SELECT until FROM suspensions s WHERE s.user_id = $1) AS until,
                    (SELECT count(*) FROM sessions l WHERE l.user_id = $1 AND ended_at IS NULL) AS live,
                    (SELECT count(*) FROM events e WHERE e.aggregate_id = $1 AND kind = 'account_deleted') AS deleted,
                    (SELECT count(*) FROM events e WHERE e.aggregate_id = $1 AND kind = 'account_deletion_requested')
                    - (SELECT count(*) FROM events e WHERE e.aggregate_id = $1 AND kind IN
                        ('account_deletion_cancelled', 'account_deleted')) AS wanted
                FROM accounts WHERE user_id = $1
                """,
                self.user,
            )
        )
        assert row is not None
        assert (row["status"], row["due"], row["until"], row["live"]) == (self.status, self.due, self.until, self.live)
        assert (row["deleted"], row["wanted"]) == (int(self.status == 3), int(self.due is not None))

    def teardown(self) -> None:
        self.wait(self.pool.close())


def test_any_order_of_acts_agrees_with_the_model(auth_database: str) -> None:
    AccountMachine.url, AccountMachine.loop = auth_database, asyncio.new_event_loop()
    try:
        run_state_machine_as_test(
            AccountMachine,
            settings=settings(
                max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    finally:
        AccountMachine.loop.close()
