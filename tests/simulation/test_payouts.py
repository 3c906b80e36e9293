"""Payouts live through crashes, zombies and a faulty provider; a fresh range of seeds is `make simulate`."""

from __future__ import annotations

import asyncio

import pytest

from services.payments.application import run_sagas
from services.payments.domain.providers import Operation, OperationState
from tests.simulation.payouts import Simulation, check, main, simulate
from tests.simulation.provider import FaultyProvider

SEEDS = 600


def test_every_seed_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", str(SEEDS)]) == 0
    assert f"{SEEDS} seeds" in capsys.readouterr().out


def test_a_seed_lives_the_same_life_again() -> None:
    loop = asyncio.new_event_loop()
    paths = [[record.path for record in simulate(7, loop).world.records.values()] for _ in range(2)]
    loop.close()
    assert paths[0] == paths[1]
    assert len({state for path in paths[0] for state in path}) > 4


def test_a_provider_that_forgets_references_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: where sending again pays again, some seed pays twice."""

    def pays_each_time(provider: FaultyProvider, operation: Operation, _fault: str) -> None:
        provider.states[operation.reference] = OperationState.SUCCEEDED
        provider.effective[operation.reference] += 1

    monkeypatch.setattr(FaultyProvider, "_arrive", pays_each_time)
    with pytest.raises(AssertionError, match="twice"):
        _live(200)


def test_a_runner_that_is_not_fenced_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: whoever goes on without the ledger's consent leaves a trace."""
    monkeypatch.setattr(run_sagas, "FencedError", type("Never", (Exception,), {}))
    with pytest.raises(BaseException, match=r".*"):
        _live(60)


def _live(seeds: int) -> None:
    loop = asyncio.new_event_loop()
    try:
        for seed in range(seeds):
            simulation = Simulation(seed)
            loop.run_until_complete(simulation.run())
            check(simulation)
    finally:
        loop.close()
