"""The subscription machine against a model that knows no sagas: whatever people do, both say the same at any moment."""

from __future__ import annotations

import asyncio
import calendar
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import NewSaga, StartOutcome
from services.payments.domain.cairo import CAIRO
from services.payments.domain.saga import Data
from services.payments.domain.subscription_commands import CANCEL, PAUSE, PAY, RESUME, UNPAUSE
from services.payments.domain.subscription_machine import SubscriptionMachine
from services.payments.domain.subscriptions import SUBSCRIPTION
from tests.simulation.provider import FaultyProvider
from tests.simulation.subscription_world import PlanOfWorld, SubscriptionWorld
from tests.simulation.world import MemorySagas

FAN, CREATOR, PRICE = 3_001, 2_001, 5_000
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LOOK_EVERY = timedelta(hours=5)
OVER = {"canceled", "incomplete_expired"}


class Model:
    """One monthly subscription paid by a wallet, told as people would tell it."""

    def __init__(self, now: datetime, balance: int) -> None:
        self.state, self.balance, self.began = "incomplete", balance, now
        self.paid_periods = 0
        self.is_tried = self.is_blocked = self.ends = False
        self.anchor = self.end = self.due = self.until = now
        self.next_try: datetime | None = None
        self.tries = self.since_anchor = 0
        self.left = timedelta()

    def look(self, now: datetime) -> None:
        """What a runner that looks now brings about."""
        if self.state == "incomplete" and not self.is_tried:
            self.is_tried = True
            if self.is_blocked:
                self.state = "incomplete_expired"
            else:
                self.buy_from(now)
        if self.state == "incomplete" and now >= self.began + 23 * HOUR:
            self.state = "incomplete_expired"
        if self.state == "paused" and now >= self.until:
            self.wake(now)
        if self.state == "active" and now >= self.end:
            if self.ends or self.is_blocked:
                self.state = "canceled"
            elif not self.renew():
                self.due, self.tries = self.end, 1
                self.next_try = max(self.due + DAY, now + HOUR)
                self.state = "past_due"
        if self.state == "past_due":
            self.dun(now)
        if self.state == "unpaid" and now >= self.until:
            self.state = "canceled"

    def dun(self, now: datetime) -> None:
        if now >= self.due + 8 * DAY:
            self.state, self.until = "unpaid", now + 30 * DAY
        elif self.is_blocked:
            self.state = "canceled"
        elif self.next_try is not None and now >= self.next_try and not self.renew():
            self.tries += 1
            waits = {2: 3 * DAY, 3: 5 * DAY}
            self.next_try = max(self.due + waits[self.tries], now + HOUR) if self.tries in waits else None

    def take(self) -> bool:
        if self.balance < PRICE:
            return False
        self.balance -= PRICE
        self.paid_periods += 1
        self.state, self.next_try = "active", None
        return True

    def buy_from(self, now: datetime) -> None:
        if self.take():
            self.anchor, self.since_anchor = now, 1
            self.end = months_after(now, 1)

    def renew(self) -> bool:
        if not self.take():
            return False
        self.since_anchor += 1
        self.end = months_after(self.anchor, self.since_anchor)
        return True

    def wake(self, now: datetime) -> None:
        self.state, self.end = "active", now + self.left
        self.anchor, self.since_anchor = self.end, 0


def months_after(start: datetime, months: int) -> datetime:
    local = start.astimezone(CAIRO)
    year, month = local.year + (local.month - 1 + months) // 12, (local.month - 1 + months) % 12 + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return datetime(year, month, day, local.hour, local.minute, local.second, tzinfo=CAIRO).astimezone(UTC)


class Subscribing(RuleBasedStateMachine):
    """Both sides of one subscription."""

    @initialize(start=st.integers(0, 3 * 525_600), balance=st.sampled_from((PRICE, PRICE, 2 * PRICE, 0)))
    def begins(self, start: int, balance: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.world = SubscriptionWorld(random.Random(0))
        self.world.clock.at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
        self.world.plans[1] = PlanOfWorld(1, CREATOR, 1, 0, [(0, PRICE)])
        self.gives(balance)
        data: Data = {"plan_id": 1, "creator_id": CREATOR, "source": "wallet"}
        outcome, self.saga_id = self.world.start(NewSaga(SUBSCRIPTION, FAN, "k", b"", "incomplete", data, "one"))
        assert outcome is StartOutcome.STARTED
        self.model = Model(self.now, balance)
        self.looks()

    @property
    def now(self) -> datetime:
        return self.world.clock.at

    def looks(self) -> None:
        store = MemorySagas(self.world, lambda _where: None)
        provider = FaultyProvider(self.world.rng, lambda: asyncio.sleep(0))
        run = RunSagas(store, provider, [SubscriptionMachine()], self.world.clock, provider_timeout_s=1)
        self.loop.run_until_complete(run())
        self.model.look(self.now)

    def gives(self, amount: int) -> None:
        self.world.ledger.posted[FAN] += amount
        self.world.ledger.posted[-6] -= amount

    def tells(self, name: str, **about: Any) -> None:
        self.world.signal(self.saga_id, name, about)

    @rule(days=st.integers(0, 35))
    def time_passes(self, days: int) -> None:
        until = self.now + timedelta(days=days)
        while self.now < until:
            self.world.clock.at += LOOK_EVERY
            self.looks()

    @rule()
    def months_pass(self) -> None:
        self.time_passes(32)

    @rule(amount=st.sampled_from((1_000, PRICE, PRICE)))
    def money_comes(self, amount: int) -> None:
        self.gives(amount)
        self.model.balance += amount

    @rule()
    def money_goes(self) -> None:
        self.gives(-self.model.balance)
        self.model.balance = 0

    @rule(at_end=st.sampled_from((True, True, True, False)))
    def is_ended(self, at_end: bool) -> None:  # noqa: FBT001 - drawn
        model = self.model
        if model.state in OVER:
            return
        if at_end and model.state == "active":
            model.ends = True
        else:
            model.state = "canceled"
        self.tells(CANCEL, at_end=at_end)
        self.looks()

    @rule()
    def goes_on(self) -> None:
        if self.model.state == "active":
            self.model.ends = False
        self.tells(RESUME)
        self.looks()

    @rule(days=st.integers(1, 90))
    def rests(self, days: int) -> None:
        model = self.model
        if model.state == "active" and not model.ends:
            model.state, model.left, model.until = "paused", model.end - self.now, self.now + timedelta(days=days)
        self.tells(PAUSE, days=days)
        self.looks()

    @rule()
    def wakes(self) -> None:
        if self.model.state == "paused":
            self.model.wake(self.now)
        self.tells(UNPAUSE)
        self.looks()

    @rule()
    def pays(self) -> None:
        model = self.model
        if not model.is_blocked and model.state in {"incomplete", "unpaid"}:
            model.buy_from(self.now)
        elif not model.is_blocked and model.state == "past_due":
            model.renew()
        self.tells(PAY, source="wallet", periods=1)
        self.looks()

    @rule(turns=st.sampled_from((False, False, True)))
    def creator_turns(self, turns: bool) -> None:  # noqa: FBT001 - drawn
        if not turns:
            return
        self.world.blocked ^= {(CREATOR, FAN)}
        self.model.is_blocked = not self.model.is_blocked

    @precondition(lambda self: hasattr(self, "model"))
    @invariant()
    def both_say_the_same(self) -> None:
        record = self.world.records[self.saga_id]
        assert (record.saga.state, record.problem) == (self.model.state, "")
        assert self.world.ledger.posted[FAN] == self.model.balance
        assert len(self.world.ledger.billed) == self.model.paid_periods
        if self.model.state == "active":
            assert self.world.ledger.rows[self.saga_id].period_end == int(self.model.end.timestamp())
        self.world.ledger.check()

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()


TestSubscribing = Subscribing.TestCase
TestSubscribing.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
