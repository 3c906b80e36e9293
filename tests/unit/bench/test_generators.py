"""The load generators: what a stall of the server costs in a closed loop and in an open one; what ghz is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bench import http_load
from bench.ghz import any_of, contract_of

STALL_S = 0.5
FEED = "daira.social.v1.FeedService/GetHomeFeed"


class StallingServer:
    """Answers at once, but for half a second of silence that begins with the tenth request."""

    def __init__(self) -> None:
        self.requests = 0
        self.silent_until = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            self.requests += 1
            if self.requests == 10:
                self.silent_until = time.perf_counter() + STALL_S
            await asyncio.sleep(max(0.0, self.silent_until - time.perf_counter()))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = await asyncio.start_server(StallingServer().serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


ASK = [http_load.HttpRequest.post("/graphql", b"", headers={})]


async def test_a_stall_costs_a_closed_loop_one_slow_call(port: int) -> None:
    run = await http_load.run("127.0.0.1", port, ASK, seconds=1.0, clients=1)
    assert run.failures == 0
    # A busy machine may add a slow call of its own, but not the fifty that were not asked for meanwhile.
    assert 1 <= sum(latency > STALL_S * 500 for latency in run.latencies_ms) < 5


async def test_an_open_loop_charges_a_stall_to_all_that_were_due_in_it(port: int) -> None:
    run = await http_load.run_open("127.0.0.1", port, ASK, seconds=1.5, rate=100)
    assert run.failures == 0
    assert len(run.latencies_ms) == 150
    # Of the fifty that were due in the silence, half waited for more than half of it.
    assert sum(latency > STALL_S * 500 for latency in run.latencies_ms) >= 20


def test_ghz_is_given_the_method_with_an_answer_of_no_fields() -> None:
    files = {file.name: file for file in contract_of(FEED).file}
    (service,) = files["daira/social/v1/feed_service.proto"].service
    outputs = {method.name: method.output_type for method in service.method}
    inputs = {method.name: method.input_type for method in service.method}
    assert outputs["GetHomeFeed"] == ".google.protobuf.Empty"
    assert inputs["GetHomeFeed"] == ".daira.social.v1.GetHomeFeedRequest"
    assert outputs["GetAuthorTimeline"] == ".daira.social.v1.GetAuthorTimelineResponse"


def test_a_file_comes_after_those_that_it_imports() -> None:
    seen: set[str] = set()
    for file in contract_of(FEED).file:
        assert set(file.dependency) <= seen
        seen.add(file.name)


def test_a_method_that_nobody_declares_is_told() -> None:
    with pytest.raises(LookupError):
        contract_of("daira.social.v1.NoService/Nothing")


def test_tokens_are_drawn_by_ghz_itself() -> None:
    assert any_of(["one"]) == "one"
    template = any_of(["one", "two", "three"])
    assert template.startswith("{{ $n := randomInt 0 3 }}")
    assert all(token in template for token in ("one", "two", "three"))
