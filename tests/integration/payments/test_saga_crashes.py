"""Payouts whose runner dies at every boundary of every step, and is taken over by another: paid once, booked once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.saga_ports import NewSaga
from services.payments.domain.payout_machine import PAYOUT
from tests.integration.payments.saga_runner import open_books
from tests.integration.payments.test_postings import give
from tests.stores import ROOT

AMOUNT = 30_000
GIVEN = 50_000
FIRST_PERSON = 6_001
COMMIT = ("before", "inside", "after")
# What the provider says, how it ends, and where its runner dies on the way.
PLACES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("succeeded", "completed", (
        "claim:after", "send:before", "send:after",
        *(f"{state}:{at}" for state in ("scheduled", "sending", "paid", "completed") for at in COMMIT),
    )),
    ("lost", "completed", ("inquire:before", "inquire:after", *(f"waiting:{at}" for at in COMMIT))),
    ("declined", "declined", tuple(f"declined:{at}" for at in COMMIT)),
    ("returned", "returned", tuple(f"returned:{at}" for at in COMMIT)),
)  # fmt: skip


async def ask_payout(pool: PostgresPool, person: int, key: str = "k", amount: int = AMOUNT) -> int:
    """Start the payout of somebody who has money; its saga."""
    await give(pool, person, GIVEN)
    await pool.execute("INSERT INTO known_people VALUES ($1, 1) ON CONFLICT DO NOTHING", person)
    data: dict[str, int | str] = {"amount": amount, "rail": "bank", "destination_id": 7}
    store = PostgresSagas(pool, runner="test", lease_s=1)
    return (await store.start(NewSaga(PAYOUT, person, key, b"body", "requested", data)))[1]


def toured(orders: Sequence[dict[str, Any]]) -> list[list[Any]]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.integration.payments.saga_runner", "tour", json.dumps(orders)],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in told.stdout.splitlines() if line.startswith("[")]


async def test_dead_at_every_boundary_and_taken_over(
    ledger_pool: PostgresPool, migrated_url: str, tmp_path: Path
) -> None:
    provider = str(tmp_path / "provider.sqlite")
    expected: dict[int, tuple[str, str]] = {}
    orders: list[dict[str, Any]] = []
    open_books(provider).close()
    for answer, end, places in PLACES:
        for place in places:
            # The lease outlasts the way to the place also where all of them share two slow cores.
            saga_id = await ask_payout(ledger_pool, FIRST_PERSON + len(orders))
            expected[saga_id] = (place, end)
            orders.append({"database": migrated_url, "provider": provider, "name": "dying", "answer": answer,
                           "die_at": place, "saga_id": saga_id, "lease_s": 4})  # fmt: skip
    assert await asyncio.to_thread(toured, orders) == [[order["die_at"], -9, 0] for order in orders]

    rows = await ledger_pool.fetch(
        "SELECT s.id, s.state, s.reason, s.epoch, a.posted, a.held, o.id AS operation FROM sagas s"
        " JOIN accounts a ON a.id = s.subject_id LEFT JOIN provider_operations o ON o.saga_id = s.id"
    )
    assert len(rows) == len(expected)
    with open_books(provider) as books:
        paid = dict(books.execute("SELECT reference, state FROM paid"))
    for row in rows:
        place, end = expected[row["id"]]
        assert row["state"] == end, (place, row["reason"])
        assert (row["posted"], row["held"]) == (GIVEN - AMOUNT if end == "completed" else GIVEN, 0), place
        # One of the dead ended it itself with its last breath; the others were taken over.
        assert (row["epoch"] == 1) == (place == f"{end}:after"), place
        assert paid[f"daira-{row['operation']}"] == ("succeeded" if end == "completed" else end), place
    assert len(paid) == len(expected), "something was sent under a second reference"
