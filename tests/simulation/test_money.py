"""Money in, around, back and out lives through everything from a seed; a fresh range of seeds is `make simulate`."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import pytest

from services.payments.domain.chargeback_machine import ChargebackMachine
from services.payments.domain.providers import Operation, OperationState
from services.payments.domain.top_up_machine import TopUpMachine
from tests.simulation.disputes import MoneyProvider
from tests.simulation.money import MoneySimulation, check, main, simulate

SEEDS = int(os.environ.get("MONEY_SEEDS", "50"))


def test_every_seed_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", str(SEEDS)]) == 0, capsys.readouterr().out
    assert f"{SEEDS} seeds" in capsys.readouterr().out


def test_a_seed_lives_the_same_life_again_and_sees_much_of_it() -> None:
    loop = asyncio.new_event_loop()
    paths = [[record.path for record in simulate(7, loop).world.records.values()] for _ in range(2)]
    loop.close()
    assert paths[0] == paths[1]
    assert {"expired", "won", "lost", "paid", "succeeded"} <= {state for path in paths[0] for state in path}


def test_a_provider_that_forgets_references_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: where sending again charges again, some seed charges twice."""

    def pays_each_time(provider: MoneyProvider, operation: Operation, _fault: str) -> None:
        provider.operations[operation.reference] = operation
        provider.states[operation.reference] = OperationState.SUCCEEDED
        provider.effective[operation.reference] += 1

    monkeypatch.setattr(MoneyProvider, "_arrive", pays_each_time)
    with pytest.raises(AssertionError, match="twice"):
        _live(20)


@pytest.mark.parametrize(
    "careless",
    [
        TopUpMachine(patience=timedelta(0), grace=timedelta(0), listens_for=timedelta(0)),
        ChargebackMachine(listens_for=timedelta(0), patience=timedelta(0)),
    ],
    ids=["vouchers paid late", "verdicts turned late"],
)
def test_a_machine_that_does_not_listen_is_found_out(
    monkeypatch: pytest.MonkeyPatch, careless: TopUpMachine | ChargebackMachine
) -> None:
    """The check can fail: what a machine did not wait for is missing in the clearing accounts."""
    others = [one for one in MoneySimulation.machines if one.kind != careless.kind]
    monkeypatch.setattr(MoneySimulation, "machines", (careless, *others))
    with pytest.raises(AssertionError, match="the provider holds"):
        _live(60)


def _live(seeds: int) -> None:
    loop = asyncio.new_event_loop()
    try:
        for seed in range(seeds):
            simulation = MoneySimulation(seed)
            loop.run_until_complete(simulation.run())
            check(simulation)
    finally:
        loop.close()
