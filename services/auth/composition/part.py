"""What auth is put together from: parts that each serve an API, with the chores that go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from services.auth.adapters.access_tokens import JwtSigner, RingJwks
from services.auth.adapters.argon2_hasher import Argon2Hasher, HashingSettings
from services.auth.adapters.code_metrics import CodeRequestMetrics
from services.auth.adapters.identifier_reader import IdentifierReader
from services.auth.adapters.postgres.accounts import PostgresAccounts
from services.auth.adapters.postgres.audit import PostgresAuditTrail
from services.auth.adapters.postgres.sessions import PostgresSessions
from services.auth.adapters.postgres.signing_keys import PostgresSigningKeys
from services.auth.adapters.refresh_token_mint import RefreshTokenMint
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.housekeeping import Purge
from services.auth.application.key_ring import KeyRing
from services.auth.application.refusal_ledger import RefusalLedger
from services.auth.application.session_opener import SessionOpener
from services.auth.config import AuthSettings
from services.auth.domain.key_schedule import KeySchedule
from services.auth.domain.session import SessionLifetimes
from services.auth.rpc.callers import Devices
from services.chassis.clock import Clock
from services.chassis.dpop import ProofChecker
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool


@dataclass(frozen=True, slots=True)
class Part:
    """An API as it is served: its descriptor, the generated adder and the servicer; and what to forget, when."""

    api: ServiceDescriptor
    add: Callable[[Any, Any], None]
    servicer: object
    chores: Sequence[tuple[Purge, timedelta]] = field(default=())


class Ground:
    """What all parts stand on: the pool, the clock, keys, the hasher, and the one way to open sessions."""

    def __init__(
        self,
        settings: AuthSettings,
        root_key: bytes,
        pool: PostgresPool,
        clock: Clock,
        metrics: Metrics,
        dpop_url: str,
    ) -> None:
        self.settings = settings
        self.root_key = root_key
        self.pool = pool
        self.clock = clock
        self.lifetimes = SessionLifetimes(
            access=timedelta(seconds=settings.access_life_s),
            refresh_idle=timedelta(seconds=settings.refresh_idle_s),
            session=timedelta(seconds=settings.session_life_s),
        )
        self.accounts, self.sessions = PostgresAccounts(pool), PostgresSessions(pool)
        self.reader, self.mint = IdentifierReader(), RefreshTokenMint()
        self.hasher = Argon2Hasher(
            HashingSettings(
                memory_kib=settings.hashing_memory_kib,
                time_cost=settings.hashing_time_cost,
                parallelism=settings.hashing_parallelism,
                threads=settings.hashing_threads,
                queue=settings.hashing_queue,
            )
        )
        self.refusals = RefusalLedger(PostgresAuditTrail(pool, root_key), clock)
        self.code_requests = CodeRequestMetrics(metrics.registry)
        self.devices = Devices(ProofChecker(dpop_url, clock))
        self.ring = KeyRing(PostgresSigningKeys(pool, SigningKeyBox(root_key)), KeySchedule(), clock)
        self.jwks = RingJwks(self.ring)
        self.opener = SessionOpener(self.mint, JwtSigner(self.ring), self.lifetimes, clock)
