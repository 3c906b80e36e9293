"""Posts: made durable under load, and how soon a follower's LATEST feed shows one, idle and under load."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio

from bench import ghz
from bench.ghz import LoadRun
from bench.platform import Platform, user_of
from bench.results import Measurement, measured, percentile
from bench.scenarios.feed import figures
from daira.social.v1 import feed_service_pb2, post_service_pb2

AUTHORS = 16
CLIENTS = 8
ROUNDS = 5
SECONDS = 5.0
IDLE_POSTS = 30
LOADED_POSTS = 30
CREATE = "daira.social.v1.PostService/CreatePost"
FEED = "daira.social.v1.FeedService/GetHomeFeed"
BODY = "صباح الخير من القاهرة، الجو النهارده جميل #مصر"
# A post that has not come by then counts as having taken this long.
PATIENCE_S = 10.0
POLL_S = 0.002


@dataclass(frozen=True)
class Person:
    """Id and access token."""

    user_id: int
    token: str


def run(platform: Platform) -> list[Measurement]:
    """All but one follow everybody, so each post is pushed to as many inboxes."""
    people = sign_up(platform, AUTHORS)
    creates: list[LoadRun] = []
    idle: list[list[float]] = []
    loaded: list[list[float]] = []
    create(platform, people, 1.0)
    for _ in range(ROUNDS):
        creates.append(create(platform, people, SECONDS))
        asyncio.run(platform.scratch.settle())
        idle.append(asyncio.run(visible(platform, people[0], people[1], IDLE_POSTS)))
        loaded.append(asyncio.run(visible_under_load(platform, people)))
        asyncio.run(platform.scratch.settle())
    return [
        *figures("post.create", creates, (50, 99)),
        measured("post.visible.p99_ms", [percentile(one, 99) for one in loaded]),
        measured("post.visible.idle_ms", [percentile(one, 50) for one in idle]),
        measured("post.visible.idle_p99_ms", [percentile(one, 99) for one in idle]),
    ]


def sign_up(platform: Platform, count: int) -> list[Person]:
    """People who follow one another; but the second, whose feed is watched, the first alone.

    Else the load would push the awaited post off the page before it is looked for.
    """
    people = [Person(user_of(token), token) for token in (platform.sign_up()[1] for _ in range(count))]
    for one in people:
        others = people[:1] if one is people[1] else [other for other in people if other is not one]
        asyncio.run(platform.follow_all(one.token, [other.user_id for other in others]))
    asyncio.run(platform.scratch.settle())
    return people


def create(platform: Platform, people: Sequence[Person], seconds: float) -> LoadRun:
    """Posts of all of them in turn, each call with a key of its own."""
    request = {"body": BODY, "idempotency_key": f"{secrets.token_hex(6)}-{{{{.RequestNumber}}}}"}
    tokens = [person.token for person in people]
    address = platform.scratch.endpoints["SOCIAL_ADDRESS"]
    return ghz.run(address, CREATE, request, tokens=tokens, seconds=seconds, clients=CLIENTS)


async def visible_under_load(platform: Platform, people: Sequence[Person]) -> list[float]:
    """As `visible`, while the others post as fast as they can."""
    load = asyncio.create_task(asyncio.to_thread(create, platform, people[2:], SECONDS * 2))
    await asyncio.sleep(1.0)
    taken: list[float] = []
    while not load.done() and len(taken) < LOADED_POSTS:
        taken += await visible(platform, people[0], people[1], 1)
    if (await load).failures:
        raise RuntimeError("posts of the load failed")
    return taken


async def visible(platform: Platform, author: Person, reader: Person, count: int) -> list[float]:
    """Milliseconds from sending a post until the follower's newest page has it, asked every two milliseconds."""
    taken = []
    async with calls(platform) as (create_post, get_feed):
        warm = feed_service_pb2.GetHomeFeedRequest(mode=feed_service_pb2.FEED_MODE_LATEST, page_size=50)
        await get_feed(warm, metadata=bearer(reader), timeout=PATIENCE_S)
        for _ in range(count):
            request = post_service_pb2.CreatePostRequest(body=BODY, idempotency_key=secrets.token_hex(12))
            before = time.perf_counter()
            post_id = (await create_post(request, metadata=bearer(author), timeout=PATIENCE_S)).post.post_id
            while time.perf_counter() - before < PATIENCE_S:
                page = await get_feed(warm, metadata=bearer(reader), timeout=PATIENCE_S)
                if any(item.post.post_id == post_id for item in page.items):
                    break
                await asyncio.sleep(POLL_S)
            taken.append((time.perf_counter() - before) * 1000)
    return taken


@contextlib.asynccontextmanager
async def calls(platform: Platform) -> AsyncIterator[tuple[Any, Any]]:
    """CreatePost and GetHomeFeed."""
    async with grpc.aio.insecure_channel(platform.scratch.endpoints["SOCIAL_ADDRESS"]) as channel:
        yield (
            channel.unary_unary(
                f"/{CREATE}",
                post_service_pb2.CreatePostRequest.SerializeToString,
                post_service_pb2.CreatePostResponse.FromString,
            ),
            channel.unary_unary(
                f"/{FEED}",
                feed_service_pb2.GetHomeFeedRequest.SerializeToString,
                feed_service_pb2.GetHomeFeedResponse.FromString,
            ),
        )


def bearer(person: Person) -> tuple[tuple[str, str]]:
    """The metadata that says who calls."""
    return (("authorization", f"Bearer {person.token}"),)
