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
from bench.figures import cpu_figures, load_figures
from bench.load_run import LoadRun
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform, user_of
from bench.processor_time import Metered, metered
from bench.progress import bar
from bench.results import Measurement, measured, percentile
from bench.targets import CREATE_CLIENTS
from daira.social.v1 import feed_service_pb2, post_service_pb2

AUTHORS = 16
# The figure without a number of clients in its name, and the load under which a post becomes visible.
CLIENTS = 8
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
    creates: dict[int, list[Metered]] = {clients: [] for clients in CREATE_CLIENTS}
    idle: list[list[float]] = []
    loaded: list[list[float]] = []
    create(platform, people, 1.0, CLIENTS)
    with bar(platform.console, "posts", ROUNDS * (len(creates) + 2)) as progress:
        for _ in range(ROUNDS):
            for clients, taken in creates.items():
                taken.append(creates_metered(platform, people, clients))
                asyncio.run(platform.scratch.settle())
                progress.step()
            idle.append(asyncio.run(visible(platform, people[0], people[1], IDLE_POSTS)))
            progress.step()
            loaded.append(asyncio.run(visible_under_load(platform, people)))
            asyncio.run(platform.scratch.settle())
            progress.step()
    by_clients = [
        figure
        for clients, taken in creates.items()
        for name in (f"post.create.clients.{clients}",)
        for figure in (*load_figures(name, taken), *cpu_figures(name, taken))
    ]
    return [
        *load_figures("post.create", creates[CLIENTS], percents=(50, 99)),
        *by_clients,
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


def creates_metered(platform: Platform, people: Sequence[Person], clients: int) -> Metered:
    """A load of posts with the processor time that it took; what the workers do with them afterwards is not in it."""
    return metered(platform.scratch, lambda: create(platform, people, SECONDS, clients))


def create(platform: Platform, people: Sequence[Person], seconds: float, clients: int) -> LoadRun:
    """Posts of all of them in turn, each call with a key of its own."""
    # No text twice: who repeats themself is looked at as a spammer.
    run = secrets.token_hex(6)
    request = {"body": f"{BODY} {run} {{{{.RequestNumber}}}}", "idempotency_key": f"{run}-{{{{.RequestNumber}}}}"}
    tokens = [person.token for person in people]
    address = platform.scratch.endpoints["SOCIAL_ADDRESS"]
    return ghz.run(address, CREATE, request, tokens=tokens, seconds=seconds, clients=clients)


async def visible_under_load(platform: Platform, people: Sequence[Person]) -> list[float]:
    """As `visible`, while the others post as fast as they can."""
    load = asyncio.create_task(asyncio.to_thread(create, platform, people[2:], SECONDS * 2.5, CLIENTS))
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
        warm = feed_service_pb2.GetHomeFeedRequest(mode=feed_service_pb2.FEED_MODE_LATEST, page_size=1)
        await get_feed(warm, metadata=bearer(reader), timeout=PATIENCE_S)
        for _ in range(count):
            key = secrets.token_hex(12)
            request = post_service_pb2.CreatePostRequest(body=f"{BODY} {key}", idempotency_key=key)
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
