"""What running sagas needs of the outside: where they are kept, and providers to ask."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.payments.domain.providers import Operation, ProviderAnswer
from services.payments.domain.saga import Data, Move, Saga
from services.payments.domain.transfers import LedgerOutcome


class StartOutcome(enum.Enum):
    """What came of starting a saga."""

    STARTED = "started"
    KNOWN = "known"
    """The same request was made before."""
    KEY_REUSED = "key_reused"
    TAKEN = "taken"
    """There may be one at a time, and one runs."""


@dataclass(frozen=True, slots=True)
class NewSaga:
    """A saga to start. `key` and `body` make the start repeatable; of `unique_for` one may run, "" for any number."""

    kind: str
    subject_id: int
    key: str
    body: bytes
    state: str
    data: Data
    unique_for: str = ""


class FencedError(Exception):
    """The saga has moved on, or the lease is over: whatever was decided is void, and nothing of it happened."""


class SagaStarts(Protocol):
    """Starts sagas, and tells running ones something. All methods: AppError UNAVAILABLE when the database is away."""

    async def start(self, saga: NewSaga) -> tuple[StartOutcome, int]:
        """Start a saga that is due at once; its id, or that of the one there is."""
        ...

    async def find(self, kind: str, subject_id: int, key: str, body: bytes) -> int | None:
        """The saga that was started with a key, None when none was. AppError FAILED_PRECONDITION for another body."""
        ...

    async def signal(self, saga_id: int, name: str, key: str, data: Data) -> bool:
        """Tell a running saga something, once a key; False when there is none that runs."""
        ...


class SagaStore(Protocol):
    """Keeps sagas, and makes each transition in one transaction with what the ledger does for it.

    All methods: AppError UNAVAILABLE when the database is away.
    """

    async def claim_one(self, saga_id: int) -> Saga | None:
        """A saga that is due, leased to this runner; None when it is not due, has ended, or another runner has it."""
        ...

    async def claim(self, limit: int) -> Sequence[Saga]:
        """At most `limit` sagas that are due, leased to this runner under a new epoch."""
        ...

    async def load(self, saga: Saga) -> Saga:
        """The saga as it is now, under the lease there is. FencedError when it is another's."""
        ...

    async def advance(
        self, saga: Saga, move: Move, answered: tuple[Operation, ProviderAnswer] | None = None
    ) -> LedgerOutcome:
        """Do all of a move and what the provider answered, or nothing; the outcome that refused it when it is not good.

        FencedError when somebody else advanced the saga.
        """
        ...

    async def sleep(self, saga: Saga, until: datetime, problem: str = "") -> None:
        """Give the lease back and wake at a moment, or when a signal comes. `problem` says why it is stuck."""
        ...


class Providers(Protocol):
    """Asks the provider of an operation's rail."""

    async def send(self, operation: Operation) -> ProviderAnswer:
        """Do it, once a reference however often it is sent. Network trouble is an UNKNOWN answer and no error."""
        ...

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        """What became of it."""
        ...
