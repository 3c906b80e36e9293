"""A life from a seed: processes that crash around commits and sleep past their leases, over a world that stays."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import ClassVar

from services.payments.application.run_sagas import RunSagas
from services.payments.domain.saga import Machine
from tests.simulation.provider import FaultyProvider
from tests.simulation.world import LEASE, Crash, MemorySagas, World


class Life:
    """One seed's life, without what people do in it."""

    machines: ClassVar[tuple[Machine, ...]]
    crash_chance: ClassVar[float]
    world: World
    provider: FaultyProvider

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.is_calm = False
        self._depth = 0

    def runner(self) -> RunSagas:
        """Another process."""
        store = MemorySagas(self.world, self.may_crash)
        return RunSagas(store, self.provider, self.machines, self.world.clock, provider_timeout_s=60)

    def may_crash(self, _where: str) -> None:
        """The power may go at any commit, before or after."""
        if not self.is_calm and self.rng.random() < self.crash_chance:
            raise Crash

    async def overtaken(self) -> None:
        """A runner stands still in a call until its lease is over and another has done the work."""
        if self._depth < 2:
            self._depth += 1
            self.world.clock.at += LEASE + timedelta(seconds=1)
            await self.work()
            self._depth -= 1

    async def work(self) -> None:
        """One look of one process at what is due."""
        try:
            await self.runner()()
        except Crash:
            return
