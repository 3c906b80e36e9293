"""auth in the test's own process, on a real database and with a clock that the test moves."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from daira.auth.v1 import auth_service_pb2 as pb
from daira.auth.v1 import auth_service_pb2_grpc
from services.auth.config import AuthSettings
from services.auth.main import Auth
from services.chassis.config import Env
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.revocations import RevocationSettings
from services.chassis.server import ServerSettings, serve
from tests.fakes.clock import FixedClock
from tests.fakes.service_keys import identity_settings

KEK = bytes(range(32))
GOOD = "long enough"
ENV = {
    "AUTH_LISTEN": "127.0.0.1:0",
    "DAIRA_ENV": "test",
    "AUTH_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(KEK).decode(),
    **identity_settings("auth"),
    # Of the relay, which asks whoever is there what they hold about people.
    **{f"{name}_ADDRESS": "127.0.0.1:1" for name in ("SOCIAL", "PAYMENTS", "ANALYTICS")},
    # The cheapest that settings allow: these tests are about the protocol around the hash.
    "AUTH_HASHING_MEMORY_KIB": "7168",
    "AUTH_HASHING_TIME_COST": "1",
    "AUTH_HASHING_QUEUE": "200",
}


class Running:
    """A running auth: its parts, its database, and a client."""

    def __init__(self, auth: Auth, pool: PostgresPool, clock: FixedClock, channel: grpc.aio.Channel) -> None:
        self.auth = auth
        self.pool = pool
        self.clock = clock
        self.channel = channel
        self.stub = auth_service_pb2_grpc.AuthServiceStub(channel)

    async def register(self, name: str, password: str = GOOD, key: str = "key-1") -> pb.RegisterResponse:
        request = pb.RegisterRequest(identifier=identifier(name), password=password, idempotency_key=key)
        response: pb.RegisterResponse = await self.stub.Register(request)
        return response

    async def sign_in(
        self, name: str, password: str = GOOD, *, device: str = "", address: str = ""
    ) -> pb.SignInResponse:
        request = pb.SignInRequest(
            identifier=identifier(name), password=password, device=pb.Device(device_id=device) if device else None
        )
        metadata = [("x-forwarded-for", address)] if address else []
        response: pb.SignInResponse = await self.stub.SignIn(request, metadata=metadata)
        return response

    async def refresh(self, token: str) -> pb.TokenPair:
        response: pb.RefreshTokensResponse = await self.stub.RefreshTokens(pb.RefreshTokensRequest(refresh_token=token))
        return response.tokens

    async def account(self, access_token: str) -> pb.GetAccountResponse:
        response: pb.GetAccountResponse = await self.stub.GetAccount(
            pb.GetAccountRequest(), metadata=bearer(access_token)
        )
        return response

    async def sign_out(self, access_token: str) -> None:
        await self.stub.SignOut(pb.SignOutRequest(), metadata=bearer(access_token))

    async def kinds(self) -> list[str]:
        """The kinds of all events, in the order they were written."""
        return [row["kind"] for row in await self.pool.fetch("SELECT kind FROM events ORDER BY seq")]


def identifier(name: str) -> pb.Identifier:
    return pb.Identifier(email=name) if "@" in name else pb.Identifier(phone=name)


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


@contextlib.asynccontextmanager
async def running(url: str, clock: FixedClock, *, dpop_url: str = "", **settings: str) -> AsyncIterator[Running]:
    """Serve auth on the database until the block ends."""
    env = Env(ENV | {"AUTH_DATABASE_URL": url} | settings)
    parsed = AuthSettings.from_env(env)
    env.finish()
    pool = await create_pool(url, application_name="auth-test", max_size=10, statement_timeout_ms=20_000)
    # The tests' clock jumps by days: nothing that was heard would be fresh after it.
    heard = RevocationSettings(poll_s=0.05, stale_after_s=float("inf"))
    limits = ServerSettings(default_deadline_s=60, drain_wait_s=0, grace_s=1, dpop_url=dpop_url, revocations=heard)
    auth = Auth(parsed, limits, KEK, pool, clock, Metrics())
    await auth.ring.load()
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    tasks = [
        asyncio.create_task(serve(auth.server, stop, on_listening=port.set_result)),
        asyncio.create_task(auth.revocations.run(stop)),
        asyncio.create_task(auth.refusals.run(stop)),
    ]
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{await port}")
    try:
        yield Running(auth, pool, clock, channel)
    finally:
        await channel.close()
        stop.set()
        await asyncio.gather(*tasks)
        auth.hasher.close()
        await pool.close()


class Refused:
    """What a refused call said."""

    code: grpc.StatusCode
    reason: str
    details: str
    retry_after_ms: int | None
    metadata: dict[str, str]


@contextlib.contextmanager
def refused(code: grpc.StatusCode, reason: str) -> Any:
    """The call in the block must be refused so; yields what it said."""
    said = Refused()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield said
    read_refusal(caught.value, said)
    assert (said.code, said.reason) == (code, reason), said.details


def read_refusal(error: grpc.aio.AioRpcError, said: Refused | None = None) -> Refused:
    said = said or Refused()
    said.code, said.details = error.code(), error.details() or ""
    said.reason, said.retry_after_ms, said.metadata = "", None, {}
    status: Any = rpc_status.from_call(error)
    for detail in status.details if status is not None else []:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            assert info.domain == "daira"
            said.reason, said.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(retry):
            said.retry_after_ms = retry.retry_delay.ToMilliseconds()
    return said
