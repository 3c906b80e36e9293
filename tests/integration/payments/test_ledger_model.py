"""A state machine of random operations against a model in plain Python, on a real database."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.chassis.postgres import create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger, fold_accounts
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.domain.splits import split_tip
from services.payments.domain.tips import TipOrder, TipOutcome, TipPosting
from tests.integration.payments.test_postings import begin_top_up

T = TypeVar("T")
PEOPLE = 4
WHO = st.integers(0, PEOPLE - 1)
KEYS = st.sampled_from(["a", "b", "c", "d"])
AMOUNTS = st.integers(100, 6_000)


class LedgerMachine(RuleBasedStateMachine):
    """Four people top up, tip and repeat themselves; the model says what each must hold and be told."""

    url = ""
    crowds = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.pool = self.run(create_pool(self.url, application_name="model", min_size=1, max_size=2))
        crowd = next(self.crowds) * 100
        self.people = [crowd + n for n in range(PEOPLE)]
        self.held: dict[int, int] = {}
        self.lines: dict[int, list[tuple[int, int]]] = {person: [] for person in self.people}
        self.tips: dict[tuple[int, str], tuple[tuple[int, int], Any]] = {}
        self.top_ups: dict[tuple[int, str], tuple[int, int, Any]] = {}
        self.fees = self.run(self.platform_holds())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def platform_holds(self) -> int:
        total = "SELECT sum(balance)::bigint FROM account_balances WHERE kind IN ('fee', 'vat')"
        return int(await self.pool.fetchval(total))

    @property
    def ledger(self) -> PostgresTipLedger:
        return PostgresTipLedger(self.pool)

    def move(self, person: int, change: int) -> None:
        self.held[person] = self.held.get(person, 0) + change
        self.lines[person].append((change, self.held[person]))

    @initialize()
    def somebody_has_money(self) -> None:
        self.begin_top_up(0, 6_000, "first")
        self.settle(0, "first", succeeded=True)

    @rule(who=WHO, amount=AMOUNTS, key=KEYS)
    def begin_top_up(self, who: int, amount: int, key: str) -> None:
        person = self.people[who]
        self.held.setdefault(person, 0)
        if (person, key) not in self.top_ups:
            top_up = self.run(begin_top_up(self.pool, person, amount, key))
            self.top_ups[person, key] = (amount, top_up, None)

    @rule(who=WHO, key=KEYS, succeeded=st.booleans())
    def settle(self, who: int, key: str, *, succeeded: bool) -> None:
        person = self.people[who]
        amount, top_up, known = self.top_ups.get((person, key), (0, 0, None))
        if not top_up:
            return
        settle = "SELECT state, balance FROM post_top_up($1, $2, '')"
        settled = self.run(self.pool.fetchrow(settle, top_up, succeeded))
        if known is not None:
            assert settled == known
            return
        if succeeded:
            self.move(person, amount)
        assert settled is not None
        assert (settled["state"] == "succeeded", settled["balance"]) == (succeeded, self.held[person])
        self.top_ups[person, key] = (amount, top_up, settled)

    @rule(orders=st.lists(st.tuples(WHO, WHO, AMOUNTS, KEYS), min_size=1, max_size=PEOPLE, unique_by=lambda o: o[0]))
    def tip(self, orders: list[tuple[int, int, int, str]]) -> None:
        wanted = [
            (self.people[sender], self.people[recipient], amount, key)
            for sender, recipient, amount, key in orders
            if sender != recipient
        ]
        if not wanted:
            return
        splits = [split_tip(amount, fee_basis_points=500, vat_basis_points=1400) for _, _, amount, _ in wanted]
        results = self.run(
            self.ledger.post_all([
                TipPosting(TipOrder(s, r, a, 0, k, f"{r}:{a}".encode()), split.fee, split.vat)
                for (s, r, a, k), split in zip(wanted, splits, strict=True)
            ])
        )  # fmt: skip
        before = dict(self.held)
        received_by = []
        for (sender, recipient, amount, key), split, result in zip(wanted, splits, results, strict=True):
            known = self.tips.get((sender, key))
            if known is not None:
                same = known[0] == (recipient, amount)
                assert result.outcome is (TipOutcome.REPLAYED if same else TipOutcome.KEY_REUSED)
                if same:
                    assert (result.transfer_id, result.balance_after) == known[1]
            elif before.get(sender, 0) < amount:
                assert result.outcome is TipOutcome.INSUFFICIENT
            else:
                assert result.outcome is TipOutcome.POSTED
                self.move(sender, -amount)
                received_by.append((result.transfer_id, recipient, split.received))
                self.fees += split.fee + split.vat
                assert result.balance_after == self.held[sender]
                self.tips[sender, key] = ((recipient, amount), (result.transfer_id, result.balance_after))
        for _, recipient, received in sorted(received_by):
            self.move(recipient, received)

    @rule()
    def fold(self) -> None:
        self.run(fold_accounts(self.pool))

    @invariant()
    def wallets_hold_what_the_model_says(self) -> None:
        rows = self.run(self.pool.fetch("SELECT id, posted FROM accounts WHERE id = ANY($1::bigint[])", self.people))
        assert {row["id"]: row["posted"] for row in rows} == self.held
        assert self.run(self.platform_holds()) == self.fees

    def teardown(self) -> None:
        wallets = PostgresWallets(self.pool)
        for person in self.people:
            entries = self.run(wallets.entries(person, before=1 << 62, limit=1000))
            assert [(entry.amount, entry.balance_after) for entry in reversed(entries)] == self.lines[person]
            assert [entry.number for entry in entries] == list(range(len(entries), 0, -1))
        assert self.run(self.problems()) == []
        self.run(self.pool.close())
        self.loop.close()

    async def problems(self) -> list[Any]:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(self.url)
        try:
            return list(await check_ledger(connection))
        finally:
            await connection.close()


def test_ledger_does_what_the_model_does(migrated_database: Callable[[str], str]) -> None:
    machine = type("BoundLedgerMachine", (LedgerMachine,), {"url": migrated_database("payments")})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
