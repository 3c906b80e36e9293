"""A client that goes stops what is done for it, as do slow bodies and answers; the others cost no more than a timer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.http.asgi import ClientGone
from gateway.http.watch import Watch


class Connection:
    """What ASGI's receive tells: nothing, until the client goes."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.asked = 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def work(watch: Watch, *, body_s: float = 0, answer_s: float = 0) -> bool:
    """Reads for some time and answers for some; True when it is not stopped."""
    async with watch:
        await asyncio.sleep(body_s)
        watch.answer()
        await asyncio.sleep(answer_s)
    return True


async def test_nobody_looks_while_the_answer_is_quick() -> None:
    connection = Connection()
    assert await work(Watch(connection.receive, body_s=1, answer_s=1))
    await asyncio.sleep(0.1)
    assert connection.asked == 0


@pytest.mark.parametrize("body_s", [0, 0.08])
async def test_slow_work_for_one_who_stays_is_finished(body_s: float) -> None:
    connection = Connection()
    assert await work(Watch(connection.receive, body_s=1, answer_s=1), body_s=body_s, answer_s=0.1)
    connection.gone.set()
    await asyncio.sleep(0.01)
    assert connection.asked == 1


@pytest.mark.parametrize("body_s", [0, 0.08])
@pytest.mark.parametrize("went_s", [0.0, 0.15])
async def test_work_for_one_who_goes_is_cancelled(body_s: float, went_s: float) -> None:
    connection = Connection()
    asyncio.get_running_loop().call_later(went_s, connection.gone.set)
    with pytest.raises(ClientGone):
        await work(Watch(connection.receive, body_s=1, answer_s=10), body_s=body_s, answer_s=10)
    await still_running()


async def test_a_body_that_does_not_come_ends_the_wait() -> None:
    connection = Connection()
    watch = Watch(connection.receive, body_s=0.1, answer_s=10)
    with pytest.raises(TimeoutError):
        await work(watch, body_s=10)
    assert not watch.answering
    assert connection.asked == 0
    await still_running()


@pytest.mark.parametrize("body_s", [0, 0.08])
async def test_an_answer_that_takes_too_long_ends_the_work(body_s: float) -> None:
    watch = Watch(Connection().receive, body_s=1, answer_s=0.1)
    with pytest.raises(TimeoutError):
        await work(watch, body_s=body_s, answer_s=10)
    assert watch.answering
    await still_running()


async def test_errors_pass() -> None:
    with pytest.raises(KeyError):
        async with Watch(Connection().receive, body_s=1, answer_s=1):
            raise KeyError


@pytest.mark.parametrize("delay_s", [0, 0.08])
async def test_cancelling_from_outside_stays_that(delay_s: float) -> None:
    task = asyncio.create_task(work(Watch(Connection().receive, body_s=1, answer_s=10), answer_s=10))
    await asyncio.sleep(delay_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def still_running() -> None:
    """The task itself goes on: it was not it that was cancelled."""
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)
