"""A gRPC server of the house: layered calls, health, reflection, and an end without a failed call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self

import grpc.aio
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from services.chassis.access import AccessTable, AccessTableError, method_path
from services.chassis.clock import Clock
from services.chassis.config import Env
from services.chassis.interceptors.ordering import LayeredInterceptor, chassis_layers
from services.chassis.lifecycle import pause
from services.chassis.loop_lag import watch_loop_lag
from services.chassis.metrics import Metrics
from services.chassis.peer_identity import TlsFiles, service_of_peer
from services.chassis.revocations import RevocationSettings
from services.chassis.service_identity import is_in_mesh
from services.chassis.tokens import TokenVerifier

ReadyCheck = Callable[[], Awaitable[bool]]

LIVENESS: Final = "liveness"
_READY_POLL_S: Final = 0.1
_READY_CHECK_TIMEOUT_S: Final = 2.0
_READY_LOG_EVERY_S: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Limits of one server.

    drain_wait_s is how long callers have to notice NOT_SERVING before calls are refused, and must exceed the lag of
    whatever routes to this server; grace_s is how long calls already here may take to end. dpop_url is the URL that
    proofs of possession are made for, "" where none are taken. In a mesh services are known by
    their certificates: those that `tls` asks for, or that a sidecar has checked.
    """

    default_deadline_s: float = 5.0
    stream_limit_s: float = 600.0
    max_concurrent_rpcs: int = 512
    drain_wait_s: float = 1.0
    grace_s: float = 10.0
    max_receive_bytes: int = 1 << 20
    max_send_bytes: int = 4 << 20
    dpop_url: str = ""
    is_in_mesh: bool = False
    tls: TlsFiles | None = None
    revocations: RevocationSettings = field(default_factory=RevocationSettings)

    @classmethod
    def from_env(cls, env: Env) -> ServerSettings:
        """The settings RPC_*, DRAIN_* and REVOCATION_*; problems are left in `env`."""
        return cls(
            default_deadline_s=env.seconds("RPC_DEFAULT_DEADLINE_S", 5.0, 0.05, 300.0),
            stream_limit_s=env.seconds("RPC_STREAM_LIMIT_S", 600.0, 1.0, 86_400.0),
            max_concurrent_rpcs=env.integer("RPC_MAX_CONCURRENT", 512, 1, 100_000),
            drain_wait_s=env.seconds("DRAIN_WAIT_S", 1.0, 0.0, 300.0),
            grace_s=env.seconds("DRAIN_GRACE_S", 10.0, 0.0, 300.0),
            max_receive_bytes=env.integer("RPC_MAX_RECEIVE_BYTES", 1 << 20, 1 << 10, 64 << 20),
            max_send_bytes=env.integer("RPC_MAX_SEND_BYTES", 4 << 20, 1 << 10, 64 << 20),
            dpop_url=env.text("DPOP_URL", "", max_chars=200),
            is_in_mesh=is_in_mesh(env),
            tls=TlsFiles.from_env(env),
            revocations=RevocationSettings.from_env(env),
        )


class ServerBuilder:
    """Collects what a server is made of; `serve` runs it."""

    def __init__(
        self,
        name: str,
        listen: str,
        *,
        clock: Clock,
        verifier: TokenVerifier | None,
        access_table: AccessTable,
        metrics: Metrics,
        settings: ServerSettings | None = None,
    ) -> None:
        self.name = name
        self.listen = listen
        self.clock = clock
        self.settings = settings or ServerSettings()
        self.checks: dict[str, ReadyCheck] = {}
        self.servicers: list[tuple[Callable[[Any, Any], None], Any]] = []
        self.service_names: list[str] = []
        self.metrics = metrics
        self._access_table = access_table
        self.interceptor = LayeredInterceptor(
            chassis_layers(
                access_table,
                verifier,
                clock,
                metrics,
                self.settings.default_deadline_s,
                self.settings.stream_limit_s,
                self.settings.dpop_url,
                service_of_peer if self.settings.is_in_mesh else None,
            )
        )

    def add(self, adder: Callable[[Any, Any], None], servicer: Any, descriptor: ServiceDescriptor) -> Self:
        """Serve `descriptor` by `servicer`, added by the generated `adder`.

        AccessTableError when the access table lacks one of its methods: nothing is served by accident.
        """
        missing = [method_path(m) for m in descriptor.methods if self._access_table.rule(method_path(m)) is None]
        if missing:
            raise AccessTableError("not in the access table: " + ", ".join(missing))
        self.servicers.append((adder, servicer))
        self.service_names.append(descriptor.full_name)
        return self

    def on_ready(self, name: str, check: ReadyCheck) -> Self:
        """Report SERVING only once `check` has answered true, beside all others."""
        self.checks[name] = check
        return self


async def serve(builder: ServerBuilder, stop: asyncio.Event, on_listening: Callable[[int], None] | None = None) -> None:
    """Serve until `stop`, then drain: NOT_SERVING, wait, refuse new calls, let those running end.

    OSError when the address is taken. `on_listening` is told the port.
    """
    settings = builder.settings
    server = grpc.aio.server(
        interceptors=[builder.interceptor],
        maximum_concurrent_rpcs=settings.max_concurrent_rpcs,
        options=[
            ("grpc.max_receive_message_length", settings.max_receive_bytes),
            ("grpc.max_send_message_length", settings.max_send_bytes),
            ("grpc.so_reuseport", 0),
            # Clients of the house ping idle connections to find dead ones: that is no abuse.
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    for adder, servicer in builder.servicers:
        adder(servicer, server)
    health_servicer = health.aio.HealthServicer()
    await _set_health(health_servicer, builder, health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection([*builder.service_names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    try:
        if settings.tls is not None:
            port = server.add_secure_port(builder.listen, settings.tls.credentials())
        else:
            port = server.add_insecure_port(builder.listen)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {builder.listen}") from error
    await server.start()
    if on_listening is not None:
        on_listening(port)
    _log.info("listening", server=builder.name, port=port)
    lag = asyncio.create_task(watch_loop_lag(builder.metrics.event_loop_lag_seconds))
    try:
        if await _until_ready(builder, stop):
            await _set_health(health_servicer, builder, health_pb2.HealthCheckResponse.SERVING)
            _log.info("ready", server=builder.name, port=port)
        await stop.wait()
    finally:
        await health_servicer.enter_graceful_shutdown()
        _log.info("draining", server=builder.name)
        await asyncio.sleep(settings.drain_wait_s)
        await server.stop(settings.grace_s)
        lag.cancel()
        _log.info("stopped", server=builder.name)


async def _set_health(servicer: Any, builder: ServerBuilder, status: int) -> None:
    # Asked by liveness probes: the process is alive while it answers at all, draining or not ready included.
    await servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
    for name in ("", *builder.service_names):
        await servicer.set(name, status)


async def _until_ready(builder: ServerBuilder, stop: asyncio.Event) -> bool:
    """Whether every check came true before `stop`."""
    waiting = dict(builder.checks)
    log_at = builder.clock.monotonic() + _READY_LOG_EVERY_S
    while waiting and not stop.is_set():
        for name, check in list(waiting.items()):
            if await _holds(name, check):
                del waiting[name]
        if waiting:
            if builder.clock.monotonic() >= log_at:
                log_at = builder.clock.monotonic() + _READY_LOG_EVERY_S
                _log.warning("not_ready", server=builder.name, waiting_for=sorted(waiting))
            await pause(stop, _READY_POLL_S)
    return not stop.is_set()


async def _holds(name: str, check: ReadyCheck) -> bool:
    try:
        async with asyncio.timeout(_READY_CHECK_TIMEOUT_S):
            return await check()
    except Exception as error:  # noqa: BLE001 - a check that fails is a check that is not true yet
        _log.warning("ready_check_failed", check=name, error=type(error).__name__)
        return False
