"""The platform under measurement: filled with a graph, and with people who read feeds."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc.aio
from rich.console import Console

from daira.social.v1 import graph_service_pb2, graph_service_pb2_grpc
from dev.scratch_platform import ScratchPlatform

PASSWORD = "a long bench password"  # noqa: S105 - of accounts that live as long as one run
SIGN_UP = "mutation($input: SignUpInput!) { signUp(input: $input) { userId tokens { accessToken } } }"
# Each reader starts so many authors further down the list of the most followed.
STRIDE = 7
FOLLOWS_AT_ONCE = 16
SETTLE_S = 1200.0


@dataclass(frozen=True)
class Reader:
    """A person who reads feeds: opaque account id, access token, and how many people they follow."""

    user_id: str
    token: str
    follows: int


@dataclass(frozen=True)
class Account:
    """A person: opaque account id, access token, e-mail; the password is PASSWORD."""

    user_id: str
    token: str
    email: str


@dataclass
class Platform:
    """A running platform and what scenarios ask of it."""

    scratch: ScratchPlatform
    console: Console
    made: int = 0

    @classmethod
    @contextlib.contextmanager
    def started(cls, console: Console) -> Iterator[Platform]:
        """Starts it with BENCH_GRAPH and BENCH_POSTS loaded, or with the demo community when they are not set."""
        graph, posts = os.environ.get("BENCH_GRAPH"), os.environ.get("BENCH_POSTS")
        with ScratchPlatform.started(demo=not graph) as scratch:
            if graph and posts:
                count = os.environ.get("BENCH_POSTS_COUNT", "200000")
                console.print(f"loading {graph} with {count} posts …")
                scratch.daira("load", "--graph", graph, "--posts", posts, "--posts-count", count, "--both-ways")
            wait_until_filled(scratch)
            asyncio.run(scratch.settle(SETTLE_S))
            yield cls(scratch, console)

    def readers(self, count: int, follows: int) -> list[Reader]:
        """Signs up people who follow the authors that most people follow, a different slice each."""
        authors = asyncio.run(self.popular_authors(follows + STRIDE * count))
        follows = min(follows, len(authors))
        readers = []
        for n in range(count):
            user_id, token = self.sign_up()
            first = n * STRIDE % (len(authors) - follows + 1)
            asyncio.run(self.follow_all(token, authors[first : first + follows]))
            readers.append(Reader(user_id, token, follows))
        asyncio.run(self.scratch.settle())
        return readers

    def sign_up(self) -> tuple[str, str]:
        """A new person's opaque id and access token."""
        made = self.sign_up_named()
        return made.user_id, made.token

    def sign_up_named(self) -> Account:
        """A new person, with the name to sign in with."""
        self.made += 1
        handle = f"bench_{time.time_ns() // 1000 % 10**12}_{self.made}"
        fields = {"email": f"{handle}@example.com", "password": PASSWORD, "handle": handle}
        variables = {"input": {**fields, "displayName": handle, "idempotencyKey": handle}}
        answer = self.scratch.graphql(SIGN_UP, variables)["signUp"]
        return Account(answer["userId"], answer["tokens"]["accessToken"], fields["email"])

    async def follow_all(self, token: str, followee_ids: Sequence[int]) -> None:
        """Follows people by their ids, some at once."""
        async with grpc.aio.insecure_channel(self.scratch.endpoints["SOCIAL_ADDRESS"]) as channel:
            call: Any = graph_service_pb2_grpc.GraphServiceStub(channel).Follow
            metadata = (("authorization", f"Bearer {token}"),)
            requests = [
                graph_service_pb2.FollowRequest(followee_id=one, idempotency_key=f"bench-{one}") for one in followee_ids
            ]
            for start in range(0, len(requests), FOLLOWS_AT_ONCE):
                some = requests[start : start + FOLLOWS_AT_ONCE]
                await asyncio.gather(*(call(one, metadata=metadata, timeout=10) for one in some))

    async def popular_authors(self, count: int) -> list[int]:
        """Ids of the authors with the most followers."""
        connection = await asyncpg.connect(self.scratch.endpoints["SOCIAL_DATABASE_URL"])
        try:
            rows = await connection.fetch(
                "SELECT user_id FROM author_counters WHERE posts > 0 ORDER BY followers DESC, user_id LIMIT $1", count
            )
        finally:
            await connection.close()
        return [row["user_id"] for row in rows]


def wait_until_filled(scratch: ScratchPlatform) -> None:
    """Waits for the banner, for the gateway is ready before the demo community is. TimeoutError when it never comes."""
    deadline = time.monotonic() + SETTLE_S
    while "DAIRA is up" not in scratch.log.read_text("utf-8", errors="replace"):
        if time.monotonic() > deadline:
            raise TimeoutError("the platform was not filled in time")
        time.sleep(0.5)


def user_of(token: str) -> int:
    """The user id in an access token."""
    payload = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])
