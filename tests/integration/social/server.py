"""social in the test's own process, on real stores: its RPCs, its workers, and signed-in people."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet as JwkSet
from joserfc.jwk import OKPKey

from daira.events.v1 import event_log_service_pb2_grpc
from daira.social.v1 import (
    feed_service_pb2_grpc,
    graph_service_pb2_grpc,
    post_service_pb2_grpc,
    profile_service_pb2_grpc,
    safety_service_pb2_grpc,
)
from services.chassis.clock import SystemClock
from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.event_log import PostgresEventLog
from services.chassis.jwks import KeySet
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.relay import Relay
from services.chassis.revocations import Revocations
from services.chassis.server import ServerSettings, serve
from services.chassis.stream_event import LogSource
from services.chassis.tokens import USER_JWT_TYPE
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.fan_out import FanOut
from services.social.adapters.postgres.daily_tables import DAILY_TABLES
from services.social.adapters.projector import CONSUMER as PROJECTOR
from services.social.adapters.projector import Projector
from services.social.adapters.redis_inbox import RedisInboxes
from services.social.config import SocialSettings, social_settings
from services.social.main import Servicers, build_server, compose
from tests.fakes.revocation_source import FakeRevocationSource
from tests.fakes.service_keys import identity_settings, service_token
from tests.fakes.user_claims import user_claims

KID = "test-key"
FAN_OUT = "fan-out"
_users = itertools.count(5_000_000)


class Signer:
    """Auth's key, for tokens of people."""

    def __init__(self) -> None:
        self._key = OKPKey.generate_key("Ed25519", parameters={"kid": KID, "use": "sig", "alg": "EdDSA"})

    async def fetch(self) -> str:
        """The public key; implements JwksSource."""
        return json.dumps(JwkSet([self._key]).as_dict(private=False))

    def bearer(self, user_id: int) -> list[tuple[str, str]]:
        """Metadata of a signed-in person."""
        now = int(time.time())
        header = {"alg": "EdDSA", "typ": USER_JWT_TYPE, "kid": KID}
        token = jwt.encode(header, user_claims(user_id, now, 900), self._key, algorithms=["EdDSA"])
        return [("authorization", f"Bearer {token}")]


class Stubs:
    """Clients of every service of social."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.profiles = profile_service_pb2_grpc.ProfileServiceStub(channel)
        self.graph = graph_service_pb2_grpc.GraphServiceStub(channel)
        self.posts = post_service_pb2_grpc.PostServiceStub(channel)
        self.feeds = feed_service_pb2_grpc.FeedServiceStub(channel)
        self.safety = safety_service_pb2_grpc.SafetyServiceStub(channel)
        self.log = event_log_service_pb2_grpc.EventLogServiceStub(channel)
        self.channel = channel


class Social:
    """A running social and its stores; workers run while `working` is open."""

    def __init__(
        self, settings: SocialSettings, pool: PostgresPool, redis: RedisClient, made: Servicers, stubs: Stubs,
        signer: Signer,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.pool = pool
        self.redis = redis
        self.made = made
        self.stubs = stubs
        self.signer = signer
        self.inboxes = RedisInboxes(redis)
        self.log = LogSource(PostgresEventLog(pool), encode)

    @contextlib.asynccontextmanager
    async def working(self, *workers: str) -> AsyncIterator[None]:
        """Run relay, projector and fan-out, or those named, until the block ends."""
        mains = {"relay": self.relay, "projector": self.projector, "fan_out": self.fan_out}
        stop = asyncio.Event()
        tasks = [asyncio.create_task(mains[name](stop)) for name in workers or mains]
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await asyncio.gather(*tasks)

    async def relay(self, stop: asyncio.Event) -> None:
        clock, metrics = SystemClock(), Metrics()
        relay = Relay(self.pool, self.redis, STREAM, encode, clock, metrics=metrics, partitions=DAILY_TABLES)
        await relay.run(stop)

    async def projector(self, stop: asyncio.Event) -> None:
        handler = Projector(self.pool, self.settings.worker.fan_in_threshold)
        await self._consumer(PROJECTOR, handler, saves=True).run(stop)

    async def fan_out(self, stop: asyncio.Event) -> None:
        handler = FanOut(self.pool, self.inboxes, self.log, SystemClock())
        consumer = self._consumer(FAN_OUT, handler, saves=False)
        await asyncio.gather(consumer.run(stop), handler.jobs.run(stop), handler.watch(stop))

    def _consumer(self, name: str, handler: Any, *, saves: bool) -> Consumer:
        return Consumer(
            name, self.redis, STREAM, self.log, handler, PostgresCursorStore(self.pool, name), metrics=Metrics(),
            clock=SystemClock(), dead_letter=PostgresDeadLetters(self.pool, name), handler_saves_cursor=saves,
        )  # fmt: skip

    async def settled(self, *consumers: str) -> int:
        """Wait until the consumers have applied everything written so far; the position of its end."""
        written: int = await self.pool.fetchval("SELECT coalesce(max(seq), 0) FROM events")
        async with asyncio.timeout(30):
            while True:
                at: list[int] = [
                    await self.pool.fetchval(
                        "SELECT coalesce(max(pos), 0) FROM consumer_cursors WHERE consumer = $1", c
                    )
                    for c in consumers or (PROJECTOR, FAN_OUT)
                ]
                stamped = await self.pool.fetchval(
                    "SELECT max(pos) FROM event_positions HAVING max(event_seq) >= $1", written
                )
                if written == 0 or (stamped is not None and min(at) >= stamped):
                    return stamped or 0
                await asyncio.sleep(0.02)

    async def counts(self, kind: str) -> int:
        """How many events of a kind there are."""
        count: int = await self.pool.fetchval("SELECT count(*) FROM events WHERE kind = $1", kind)
        return count

    def service_bearer(self, service: str) -> list[tuple[str, str]]:
        """Metadata of a service."""
        return [("authorization", f"Bearer {service_token(service, 'social')}")]


def environment(database_url: str, redis_url: str, **settings: str) -> dict[str, str]:
    return {
        "SOCIAL_DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SOCIAL_LISTEN": "127.0.0.1:0",
        "AUTH_ADDRESS": "127.0.0.1:1",
        "PAYMENTS_ADDRESS": "127.0.0.1:1",
        **identity_settings("social"),
        "PAGE_TOKEN_KEY": "tests-only-page-token-key-0123456789abcdef",
    } | settings


@contextlib.asynccontextmanager
async def running(
    database_url: str, redis_url: str, signer: Signer | None = None, *, follows_log: bool = True, **settings: str
) -> AsyncIterator[Social]:
    """Serve social until the block ends; replicas share a signer. Without `follows_log` a test feeds its features."""
    parsed = social_settings(environment(database_url, redis_url, **settings))
    pool = await create_pool(database_url, application_name="social-test", max_size=16, statement_timeout_ms=20_000)
    redis = create_redis(redis_url, timeout_s=1.0, client_name="social-test")
    clock, metrics, signer = SystemClock(), Metrics(), signer or Signer()
    made = compose(parsed, pool, redis, clock, metrics)
    limits = ServerSettings(default_deadline_s=60, drain_wait_s=0, grace_s=1)
    revocations = Revocations(FakeRevocationSource(), clock)
    builder = build_server(parsed, limits, made, KeySet(signer, clock), revocations, clock, metrics)
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    mains: list[Coroutine[Any, Any, None]] = [serve(builder, stop, on_listening=port.set_result)]
    if follows_log:
        mains.append(made.tail.run(stop))
    tasks = [asyncio.create_task(main) for main in mains]
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{await port}")
    try:
        yield Social(parsed, pool, redis, made, Stubs(channel), signer)
    finally:
        await channel.close()
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)
        await redis.aclose()
        await pool.close()


@contextlib.contextmanager
def refused(code: grpc.StatusCode, reason: str, field: str | None = None) -> Iterator[None]:
    """The call in the block must be refused so."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    error = caught.value
    status: Any = rpc_status.from_call(error)
    assert status is not None, error.details()
    info, fields = error_details_pb2.ErrorInfo(), []
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            fields += [violation.field for violation in bad.field_violations]
        else:
            detail.Unpack(info)
    assert (error.code(), info.reason) == (code, reason), error.details()
    assert field is None or field in fields


async def until(condition: Callable[[], Coroutine[Any, Any, bool]], seconds: float = 20.0) -> None:
    """Wait for the condition; fails the test when it does not come true."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - a store is polled
            await asyncio.sleep(0.02)


def next_user() -> int:
    """An account that nobody has seen before."""
    return next(_users) << 12
