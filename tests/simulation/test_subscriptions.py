"""Subscriptions live through a year of crashes, faults and changed clocks; SUBSCRIPTION_SEEDS says through how many."""

from __future__ import annotations

import asyncio
import os

import pytest

from services.payments.domain import subscription_commands, subscription_contract, subscription_machine
from services.payments.domain.subscription_contract import Contract
from services.payments.domain.subscriptions import SubscriptionState
from tests.simulation.subscriptions import main, simulate

SEEDS = int(os.environ.get("SUBSCRIPTION_SEEDS", "60"))


def test_every_seed_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seeds", str(SEEDS)])
    told = capsys.readouterr().out
    assert code == 0, told
    assert f"{SEEDS} seeds" in told


def test_the_seeds_see_every_state() -> None:
    loop = asyncio.new_event_loop()
    seen = {
        state for seed in range(12) for record in simulate(seed, loop).world.records.values() for state in record.path
    }
    loop.close()
    assert seen == {state.value for state in SubscriptionState}


def test_a_seed_lives_the_same_life_again() -> None:
    loop = asyncio.new_event_loop()
    paths = [[record.path for record in simulate(5, loop).world.records.values()] for _ in range(2)]
    loop.close()
    assert paths[0] == paths[1]


def test_a_period_that_is_billed_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: a machine that forgets which period was paid bills one twice."""
    real = subscription_contract.quote_next

    def forgets(contract: Contract, *rest: object) -> object:
        quote = real(contract, *rest)  # type: ignore[arg-type]
        object.__setattr__(quote, "first_period", 0)
        return quote

    monkeypatch.setattr(subscription_machine, "quote_next", forgets)
    monkeypatch.setattr(subscription_commands, "quote_next", forgets)
    _finds("twice|stuck|paid")


def test_access_for_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: whoever is let in for longer than was paid is seen."""
    real = Contract.access_until
    monkeypatch.setattr(Contract, "access_until", lambda *asked: real(*asked) and real(*asked) + 40 * 86_400)
    _finds("access|period_end")


def _finds(match: str) -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(AssertionError, match=match):
            [simulate(seed, loop) for seed in range(20)]
    finally:
        loop.close()
