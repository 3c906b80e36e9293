"""A part of the payments service: an API with its servicer, and what runs beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from services.chassis.clock import Clock
from services.chassis.metrics import Metrics
from services.chassis.page_token import PageTokens
from services.chassis.postgres import PostgresPool
from services.payments.config import PaymentsSettings


@dataclass(frozen=True, slots=True)
class Ground:
    """What all parts stand on."""

    settings: PaymentsSettings
    root_key: bytes
    pool: PostgresPool
    clock: Clock
    metrics: Metrics
    page_tokens: PageTokens


@dataclass(frozen=True, slots=True)
class Chore:
    """Something repeated every so many seconds, by every replica."""

    name: str
    work: Callable[[], Awaitable[int | None]]
    every_s: float


@dataclass(frozen=True, slots=True)
class Part:
    """An API, the function that registers its servicer, the servicer, and chores."""

    api: ServiceDescriptor
    add: Callable[[Any, Any], None]
    servicer: object
    chores: tuple[Chore, ...] = ()
