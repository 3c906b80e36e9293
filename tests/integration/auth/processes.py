"""The auth process under test, to be killed and started again on the same port."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from daira.auth.v1 import auth_service_pb2_grpc
from dev import child
from dev.ports import free_port
from tests.integration.auth.server import ENV
from tests.stores import ROOT

READY_TIMEOUT_S = 60.0
# gRPC waits longer and longer before it looks for a server that was away; here one is back at once.
_LOOK_AGAIN = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


class AuthProcess:
    """`python -m services.auth` on a database. Its stubs have connections of their own."""

    def __init__(self, database_url: str, log: Path, connections: int = 1, **settings: str) -> None:
        self.log = log
        self.address = f"127.0.0.1:{free_port()}"
        own = {"AUTH_LISTEN": self.address, "AUTH_DATABASE_URL": database_url, "DRAIN_WAIT_S": "0"}
        self.environment = dict(os.environ) | ENV | own | {"LOG_LEVEL": "error"} | settings
        self.channels = [
            # Alike channels would share a connection.
            grpc.aio.insecure_channel(self.address, options=[*_LOOK_AGAIN, ("grpc.use_local_subchannel_pool", 1)])
            for _ in range(connections)
        ]
        self.stubs = [auth_service_pb2_grpc.AuthServiceStub(channel) for channel in self.channels]
        self.child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it reports SERVING."""
        with self.log.open("ab") as log:
            self.child = child.spawn(
                [sys.executable, "-m", "services.auth"],
                log=log,
                death_signal=signal.SIGKILL,
                env=self.environment,
                cwd=ROOT,
            )
        health = health_pb2_grpc.HealthStub(self.channels[0])
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not await self._is_serving(health):  # noqa: ASYNC110 - another process has no event to wait for
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"auth did not start:\n{self.log.read_text('utf-8')[-4000:]}") from None

    async def _is_serving(self, health: health_pb2_grpc.HealthStub) -> bool:
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def kill(self) -> None:
        """SIGKILL: nothing gets to finish."""
        assert self.child is not None
        self.child.kill()
        self.child.wait(timeout=30)

    async def close(self) -> None:
        """End the process and its connections."""
        for channel in self.channels:
            await channel.close()
        if self.child is not None:
            await asyncio.to_thread(child.end, self.child, [(signal.SIGTERM, 10.0)])
