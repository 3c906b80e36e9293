"""The loader: one call a turn, each id once, at most a hundred together, errors to all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from gateway.loaders import Loader


async def test_ids_of_one_turn_go_together_and_once() -> None:
    asked: list[list[int]] = []

    async def fetch(numbers: Sequence[int]) -> Mapping[int, str]:
        asked.append(list(numbers))
        return {number: f"p{number}" for number in numbers if number != 3}

    loader = Loader(fetch)
    assert await asyncio.gather(*(loader.load(number) for number in (1, 2, 1, 3))) == ["p1", "p2", "p1", None]
    assert await loader.load(2) == "p2"
    assert asked == [[1, 2, 3]]
    await asyncio.gather(*(loader.load(number) for number in range(100, 350)))
    assert [len(numbers) for numbers in asked] == [3, 100, 100, 50]


async def test_errors_reach_everyone_and_nothing_hangs() -> None:
    async def fetch(numbers: Sequence[int]) -> Mapping[int, str]:
        raise ValueError(numbers)

    loader = Loader(fetch)
    outcomes = await asyncio.gather(loader.load(1), loader.load(2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]


async def test_close_gives_up_what_is_under_way() -> None:
    cancelled = asyncio.Event()

    async def fetch(_numbers: Sequence[int]) -> Mapping[int, str]:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return {}

    loader = Loader(fetch)
    waiting = loader.load(1)
    await asyncio.sleep(0.01)
    loader.close()
    await asyncio.wait_for(cancelled.wait(), 1)
    with pytest.raises(asyncio.CancelledError):
        await waiting
