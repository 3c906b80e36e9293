"""The platform under measurement: filled with a graph, and with people who read feeds."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc.aio
from rich.console import Console

from bench.filling import Filling, analysed, load, quiet, taken_in
from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from daira.social.v1 import graph_service_pb2, graph_service_pb2_grpc
from dev.demo.filling import DEMO_PASSWORD
from dev.loader.command import LOAD_PASSWORD
from dev.scratch_platform import ScratchPlatform

PASSWORD = "a long bench password"  # noqa: S105 - of accounts that live as long as one run
SIGN_UP = "mutation($input: SignUpInput!) { signUp(input: $input) { userId tokens { accessToken } } }"
FOLLOWS_AT_ONCE = 16
SIGN_INS_AT_ONCE = 4
FILLED_PATIENCE_S = 300.0
# Readers follow so many people: enough for a full page, and not the few who follow nearly everybody.
FOLLOWS_MIN, FOLLOWS_MAX = 20, 300
SEED = 2024


@dataclass(frozen=True)
class Reader:
    """A person who reads feeds: id, phone, access token, and how many people they follow."""

    user_id: int
    phone: str
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
    filling: Filling | None = None
    made: int = 0

    @classmethod
    @contextlib.contextmanager
    def started(cls, console: Console, filling: Filling | None = None) -> Iterator[Platform]:
        """Starts it and fills it: with what is given or the environment names, else with the demo community."""
        filling = filling or Filling.from_environment(os.environ)
        with cls.empty(console, filling) as platform:
            platform.fill()
            yield platform

    @classmethod
    @contextlib.contextmanager
    def empty(cls, console: Console, filling: Filling | None) -> Iterator[Platform]:
        """Starts it without filling it; the demo community is there all the same when no filling is given."""
        console.print("starting the platform …")
        with ScratchPlatform.started(demo=filling is None) as scratch:
            wait_until_filled(scratch)
            yield cls(scratch, console, filling)

    def fill(self) -> None:
        """Loads the filling, if there is one, and waits until everything is taken in and the platform is quiet."""
        if self.filling:
            load(self.scratch, self.filling)
        asyncio.run(taken_in(self.scratch, self.console))
        asyncio.run(analysed(self.scratch))
        quiet(self.scratch, self.console)

    def merged_percent(self, readers: Sequence[Reader]) -> float:
        """Of whom the readers follow, the percentage whose posts are merged at read and not in inboxes."""
        return asyncio.run(self._merged_percent([reader.user_id for reader in readers]))

    async def _merged_percent(self, user_ids: Sequence[int]) -> float:
        connection = await asyncpg.connect(self.scratch.endpoints["SOCIAL_DATABASE_URL"])
        try:
            share = await connection.fetchval(
                "SELECT avg(c.merged::int) FROM follows f JOIN author_counters c ON c.user_id = f.followee_id"
                " WHERE f.follower_id = ANY($1)",
                user_ids,
            )
        finally:
            await connection.close()
        return float(share or 0) * 100

    def readers(self, count: int) -> list[Reader]:
        """People of the community who follow some others, drawn by a seed, the same for one filling; signed in."""
        return self.signed_in(asyncio.run(self._some_people(count)))

    def signed_in(self, readers: Sequence[Reader]) -> list[Reader]:
        """The same people with new access tokens: those of a long run would expire on the way."""
        tokens = asyncio.run(self._tokens([reader.phone for reader in readers]))
        return [dataclasses.replace(reader, token=token) for reader, token in zip(readers, tokens, strict=True)]

    async def _some_people(self, count: int) -> list[Reader]:
        social = await asyncpg.connect(self.scratch.endpoints["SOCIAL_DATABASE_URL"])
        auth = await asyncpg.connect(self.scratch.endpoints["AUTH_DATABASE_URL"])
        try:
            rows = await social.fetch(
                "SELECT user_id, following FROM author_counters WHERE following BETWEEN $1 AND $2"
                " ORDER BY hashint8extended(user_id, $3) LIMIT $4",
                FOLLOWS_MIN, FOLLOWS_MAX, SEED, count,
            )  # fmt: skip
            user_ids = [row["user_id"] for row in rows]
            accounts = await auth.fetch("SELECT user_id, phone FROM accounts WHERE user_id = ANY($1)", user_ids)
        finally:
            await social.close()
            await auth.close()
        phones = {row["user_id"]: row["phone"] for row in accounts}
        return [Reader(row["user_id"], phones[row["user_id"]], "", row["following"]) for row in rows]

    async def _tokens(self, phones: Sequence[str]) -> list[str]:
        password = LOAD_PASSWORD if self.filling else DEMO_PASSWORD
        slots = asyncio.Semaphore(SIGN_INS_AT_ONCE)
        async with grpc.aio.insecure_channel(self.scratch.endpoints["AUTH_ADDRESS"]) as channel:
            sign_in: Any = auth_service_pb2_grpc.AuthServiceStub(channel).SignIn

            async def one(phone: str) -> str:
                identifier = auth_service_pb2.Identifier(phone=phone)
                request = auth_service_pb2.SignInRequest(identifier=identifier, password=password)
                async with slots:
                    return str((await sign_in(request, timeout=10)).tokens.access_token)

            return await asyncio.gather(*(one(phone) for phone in phones))

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


def wait_until_filled(scratch: ScratchPlatform) -> None:
    """Waits for the banner, for the gateway is ready before the demo community is. TimeoutError when it never comes."""
    deadline = time.monotonic() + FILLED_PATIENCE_S
    while "DAIRA is up" not in scratch.log.read_text("utf-8", errors="replace"):
        if time.monotonic() > deadline:
            raise TimeoutError("the platform was not filled in time")
        time.sleep(0.5)


def user_of(token: str) -> int:
    """The user id in an access token."""
    payload = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])
