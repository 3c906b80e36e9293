"""What a person signs in with leaves the database nowhere: not in events, not in logs, not in answers."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from daira.auth.v1 import auth_service_pb2 as pb
from daira.auth.v1 import auth_service_pb2_grpc
from daira.events.v1 import event_log_service_pb2 as log_pb
from daira.events.v1 import event_log_service_pb2_grpc, events_pb2
from dev.child import spawn
from dev.ports import free_port
from services.chassis.redis_client import create_redis
from tests.fakes.service_keys import service_token
from tests.integration.auth.server import ENV, bearer, identifier, refused

ROOT = Path(__file__).resolve().parents[3]
PHONE, EMAIL, PASSWORD = "01001234567", "Very.Personal@example.com", "S3cret-password-كلمة"
TRACES = ("1001234567", "01001234567", "Very.Personal", "very.personal", PASSWORD, "argon2id$")


class Processes:
    """auth and its relay as real processes, with everything they log in one file."""

    def __init__(self, database_url: str, redis_url: str, log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._env = os.environ | ENV | {
            "AUTH_LISTEN": f"127.0.0.1:{self.port}", "AUTH_DATABASE_URL": database_url, "REDIS_URL": redis_url,
            "LOG_LEVEL": "debug", "DRAIN_WAIT_S": "0",
        }  # fmt: skip
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for module in ("services.auth", "services.auth.workers.relay"):
            with self.log.open("ab") as file:
                self._children.append(
                    spawn(
                        [sys.executable, "-m", module], log=file, death_signal=signal.SIGKILL, env=self._env, cwd=ROOT
                    )
                )

    def stop(self) -> list[int]:
        for child in self._children:
            child.terminate()
        return [child.wait(20) for child in self._children]


@pytest.fixture
def processes(migrated_database: Callable[[str], str], redis_url: str, tmp_path: Path) -> Processes:
    return Processes(migrated_database("auth"), redis_url, tmp_path / "log")


@pytest.mark.stores
async def test_events_logs_and_errors_tell_no_name(processes: Processes, redis_url: str) -> None:
    processes.start()
    answers = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{processes.port}") as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        for name in (PHONE, EMAIL):
            register = pb.RegisterRequest(identifier=identifier(name), password=PASSWORD, idempotency_key="k")
            made = await stub.Register(register, wait_for_ready=True)
            await stub.SignIn(pb.SignInRequest(identifier=identifier(name), password=PASSWORD))
            await stub.GetAccount(pb.GetAccountRequest(), metadata=bearer(made.tokens.access_token))
            for bad in (
                stub.SignIn(pb.SignInRequest(identifier=identifier(name), password=PASSWORD + "!")),
                stub.Register(
                    pb.RegisterRequest(identifier=identifier(name), password=PASSWORD, idempotency_key="other")
                ),
                stub.SignIn(pb.SignInRequest(identifier=identifier(name[:-3]), password=PASSWORD)),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await bad
                answers.append(repr(caught.value) + repr(caught.value.trailing_metadata()))
            await stub.SignOut(pb.SignOutRequest(), metadata=bearer(made.tokens.access_token))
        events = await _published(redis_url, 8)
        listed = await _listed(channel)
    assert processes.stop() == [0, 0]
    kinds = [event.WhichOneof("payload") for event in events]
    assert kinds == ["user_registered", "session_started", "session_started", "session_ended"] * 2
    assert [event.pos for event in events] == list(range(1, 9))
    assert listed == events
    log = processes.log.read_text()
    assert '"ready"' in log
    for text in (log, repr(events), repr([event.SerializeToString() for event in events]), repr(answers)):
        assert [trace for trace in TRACES if trace in text] == []
        assert made.tokens.refresh_token not in text
        assert made.tokens.access_token not in text


async def _published(redis_url: str, count: int) -> list[events_pb2.Event]:
    redis = create_redis(redis_url, timeout_s=1, client_name="test")
    try:
        async with asyncio.timeout(20):
            while await redis.xlen("events:auth") < count:  # noqa: ASYNC110 - another process fills it
                await asyncio.sleep(0.02)
        entries: Any = await redis.xrange("events:auth")
        return [events_pb2.Event.FromString(fields[b"e"]) for _, fields in entries]
    finally:
        await redis.aclose()


async def _listed(channel: grpc.aio.Channel) -> list[events_pb2.Event]:
    stub = event_log_service_pb2_grpc.EventLogServiceStub(channel)
    token = service_token("analytics", "auth")
    first = await stub.ListEvents(log_pb.ListEventsRequest(page_size=3), metadata=bearer(token))
    rest = await stub.ListEvents(log_pb.ListEventsRequest(after_pos=3), metadata=bearer(token))
    assert len(first.events) == 3
    assert rest.head_pos == 8
    stranger = service_token("auth", "auth")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"):
        await stub.ListEvents(log_pb.ListEventsRequest(), metadata=bearer(stranger))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        await stub.ListEvents(log_pb.ListEventsRequest())
    for bad in (log_pb.ListEventsRequest(after_pos=-1), log_pb.ListEventsRequest(page_size=1001)):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
            await stub.ListEvents(bad, metadata=bearer(token))
    return [*first.events, *rest.events]


def test_the_encryption_key_of_these_tests_is_well_formed() -> None:
    assert len(base64.urlsafe_b64decode(ENV["AUTH_KEY_ENCRYPTION_KEY"])) == 32
