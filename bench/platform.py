"""The platform under measurement: filled with a graph, and with people who read feeds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
from rich.console import Console

from dev.scratch_platform import ScratchPlatform

PASSWORD = "a long bench password"  # noqa: S105 - of accounts that live as long as one run
SIGN_UP = "mutation($input: SignUpInput!) { signUp(input: $input) { userId tokens { accessToken } } }"
FOLLOW = "mutation($input: FollowInput!) { follow(input: $input) { profile { id } } }"


@dataclass(frozen=True)
class Reader:
    """A person who reads feeds: opaque account id, access token, and how many people they follow."""

    user_id: str
    token: str
    follows: int


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
            asyncio.run(scratch.settle(1200))
            yield cls(scratch, console)

    def readers(self, count: int, follows: int) -> list[Reader]:
        """Signs up people who follow the authors that most people follow, a different slice each."""
        authors = asyncio.run(self.popular_authors(follows + 7 * count))
        readers = []
        for n in range(count):
            user_id, token = self.sign_up()
            chosen = authors[n * 7 : n * 7 + follows]
            for author in chosen:
                self.follow(token, author)
            readers.append(Reader(user_id, token, len(chosen)))
        asyncio.run(self.scratch.settle())
        return readers

    def sign_up(self) -> tuple[str, str]:
        """A new person's id and access token."""
        self.made += 1
        handle = f"bench_{time.time_ns() // 1000 % 10**12}_{self.made}"
        fields = {"email": f"{handle}@example.com", "password": PASSWORD, "handle": handle}
        variables = {"input": {**fields, "displayName": handle, "idempotencyKey": handle}}
        answer = self.scratch.graphql(SIGN_UP, variables)["signUp"]
        return answer["userId"], answer["tokens"]["accessToken"]

    def follow(self, token: str, handle: str) -> None:
        """Follows the person of a handle."""
        found = self.scratch.graphql("query($h: String!) { profile(handle: $h) { id } }", {"h": handle})
        variables = {"input": {"userId": found["profile"]["id"], "idempotencyKey": f"f-{time.time_ns()}"}}
        self.scratch.graphql(FOLLOW, variables, token)

    async def popular_authors(self, count: int) -> list[str]:
        """Handles of the authors with the most followers."""
        connection = await asyncpg.connect(self.scratch.endpoints["SOCIAL_DATABASE_URL"])
        try:
            rows = await connection.fetch(
                "SELECT p.handle FROM profiles p JOIN author_counters c USING (user_id)"
                " WHERE c.posts > 0 ORDER BY c.followers DESC, p.user_id LIMIT $1",
                count,
            )
        finally:
            await connection.close()
        return [row["handle"] for row in rows]
