"""Subscriptions over server-sent events: what is told, how streams end, and that none outlives its reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import httpx
import pytest

from gateway.http import event_stream
from gateway.opaque_ids import IdType, encode
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import AHMED, Fault, World

NEWS = "subscription($after: ID) { homeFeedNews(newerThan: $after) { newerCount } }"
HEADERS = {"authorization": f"Bearer access-{AHMED}", "accept": "text/event-stream"}
DONE = ("complete", None)


def told(count: int) -> tuple[str, Any]:
    return "next", {"data": {"homeFeedNews": {"newerCount": count}}}


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """The events of a stream; a comment is ("", None)."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            yield name, json.loads(data) if data else None
        elif line == ":":
            yield "", None


def listening(http: httpx.AsyncClient, query: str = NEWS, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return http.stream("POST", "/graphql", json=body, headers=HEADERS)


async def test_each_piece_of_news_is_an_event_and_the_end_is_told(graphql: Client, world: World) -> None:
    async with listening(graphql.http, after=encode(IdType.POST, 5_000)) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        stream = events(response)
        world.news.put_nowait(0)
        assert await anext(stream) == told(0)
        world.news.put_nowait(3)
        assert await anext(stream) == told(3)
        world.news.put_nowait(None)
        assert [event async for event in stream] == [DONE]
    (call,) = world.seen
    assert call.request.newer_than == 5_000
    assert call.metadata["authorization"] == f"Bearer access-{AHMED}"


async def test_the_call_is_cancelled_when_the_reader_goes(graphql: Client, world: World) -> None:
    async with listening(graphql.http) as response:
        world.news.put_nowait(1)
        assert await anext(events(response)) == told(1)
    async with asyncio.timeout(5):
        while world.cancelled != ["WatchHomeFeed"]:  # noqa: ASYNC110 - it is gRPC that cancels the servicer
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("told_before", [0, 1])
async def test_a_refusal_is_an_event_with_its_reason(graphql: Client, world: World, told_before: int) -> None:
    for count in range(told_before):
        world.news.put_nowait(count)
    overloaded = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many people watch", "OVERLOADED", retry_after_ms=5000)
    world.news.put_nowait(overloaded)
    async with listening(graphql.http) as response:
        *before, (_, refusal), end = [event async for event in events(response)]
    assert before == [told(count) for count in range(told_before)]
    assert refusal["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "reason": "OVERLOADED", "retryAfterMs": 5000}
    assert end == DONE


async def test_a_stream_that_has_had_its_time_ends_without_an_error(graphql: Client, world: World) -> None:
    world.news.put_nowait(2)
    world.news.put_nowait(Fault(grpc.StatusCode.DEADLINE_EXCEEDED, "the stream is old", "DEADLINE_EXCEEDED"))
    async with listening(graphql.http) as response:
        assert [event async for event in events(response)] == [told(2), DONE]


async def test_connections_are_kept_by_comments(graphql: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_S", 0.05)
    async with listening(graphql.http) as response:
        stream = events(response)
        assert await anext(stream) == ("", None)
        world.news.put_nowait(4)
        async for event in stream:
            if event != ("", None):
                assert event == told(4)
                break


async def test_one_stream_too_many_is_turned_away_and_an_end_makes_room(
    start_gateway: Callable[..., Any], world: World
) -> None:
    url, _stop, _task = await start_gateway(streams_max=1)
    async with httpx.AsyncClient(base_url=url) as http:
        async with listening(http) as first:
            world.news.put_nowait(1)
            assert await anext(events(first)) == told(1)
            async with listening(http) as second:
                assert second.status_code == 503
                assert second.headers["retry-after"] == "5"
        async with asyncio.timeout(5):
            while True:
                async with listening(http) as third:
                    if third.status_code == 200:
                        break
                await asyncio.sleep(0.01)


async def test_draining_ends_streams_at_once(start_gateway: Callable[..., Any], world: World) -> None:
    url, stop, task = await start_gateway(drain_wait_s=0.1)
    async with httpx.AsyncClient(base_url=url) as http, listening(http) as response:
        stream = events(response)
        world.news.put_nowait(1)
        assert await anext(stream) == told(1)
        stop.set()
        async with asyncio.timeout(3):
            assert [event async for event in stream] == [DONE]
    await asyncio.wait_for(task, 5)


async def test_other_operations_are_answered_as_one_event(graphql: Client) -> None:
    async with listening(graphql.http, "{ __typename }") as response:
        assert [event async for event in events(response)] == [("next", {"data": {"__typename": "Query"}}), DONE]


async def test_a_mutation_by_get_is_refused_also_as_an_event(graphql: Client, world: World) -> None:
    query = {"query": "mutation { signOut { signedOut } }"}
    async with graphql.http.stream("GET", "/graphql", params=query, headers=HEADERS) as response:
        (_, refusal), end = [event async for event in events(response)]
    assert refusal["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert end == DONE
    assert world.seen == []


@pytest.mark.parametrize("query", ["subscription {", "subscription { nothing }", "subscription { homeFeedNews }"])
async def test_what_is_no_document_is_one_event(graphql: Client, query: str) -> None:
    async with listening(graphql.http, query) as response:
        (_, refusal), end = [event async for event in events(response)]
    assert refusal["errors"]
    assert "data" not in refusal
    assert end == DONE


async def test_a_wrong_id_names_the_argument(graphql: Client, world: World) -> None:
    async with listening(graphql.http, after="no id") as response:
        (_, refusal), _ = [event async for event in events(response)]
    assert "newerThan" in json.dumps(refusal["errors"])
    assert world.seen == []


async def test_without_events_a_subscription_is_refused(graphql: Client) -> None:
    response = await graphql.http.post("/graphql", json={"query": NEWS}, headers=HEADERS | {"accept": "*/*"})
    assert response.json()["errors"][0]["extensions"]["code"] == "SUBSCRIPTION_NEEDS_EVENT_STREAM"
