"""A client that goes stops what is done for it; one that stays costs no more than a timer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.http.asgi import ClientGone
from gateway.http.departure import until_gone


class Connection:
    """What ASGI's receive tells: nothing, until the client goes."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.asked = 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def test_nobody_looks_while_the_answer_is_quick() -> None:
    connection = Connection()
    async with until_gone(connection.receive):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    assert connection.asked == 0


async def test_slow_work_for_one_who_stays_is_finished() -> None:
    connection = Connection()
    async with until_gone(connection.receive):
        await asyncio.sleep(0.1)
        done = True
    connection.gone.set()
    await asyncio.sleep(0.01)
    assert done
    assert connection.asked == 1


@pytest.mark.parametrize("went_s", [0.0, 0.08])
async def test_work_for_one_who_goes_is_cancelled(went_s: float) -> None:
    connection = Connection()
    asyncio.get_running_loop().call_later(went_s, connection.gone.set)
    cancelled: list[bool] = []

    async def work() -> None:
        async with until_gone(connection.receive):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    with pytest.raises(ClientGone):
        await work()
    assert cancelled
    # The task itself goes on: it was not it that was cancelled.
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_errors_pass() -> None:
    with pytest.raises(KeyError):
        async with until_gone(Connection().receive):
            raise KeyError


async def test_cancelling_from_outside_stays_that() -> None:
    async def work() -> None:
        async with until_gone(Connection().receive):
            await asyncio.sleep(10)

    for delay_s in (0.0, 0.08):
        task = asyncio.create_task(work())
        await asyncio.sleep(delay_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
