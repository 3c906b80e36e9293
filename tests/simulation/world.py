"""The stores of a simulation: a clock that is set, and sagas over a ledger, both in memory and true to the SQL."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.payments.application.saga_ports import FencedError, NewSaga, StartOutcome
from services.payments.domain.providers import Operation, OperationState, ProviderAnswer
from services.payments.domain.saga import (
    Action,
    CheckReversible,
    CollectDebt,
    Data,
    GiveBackLimit,
    Intend,
    Move,
    PlaceHold,
    Projection,
    ReleaseHold,
    Saga,
    Signal,
    Start,
    TakeLimit,
)
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind
from tests.simulation.ledger import MemoryLedger

LEASE = timedelta(seconds=30)


class Crash(BaseException):
    """The process dies here."""


class VirtualClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 10, 20, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def now_ms(self) -> int:
        return int(self.at.timestamp() * 1000)

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass
class Record:
    """A saga's row, and its path."""

    saga: Saga
    key: str
    body: bytes
    unique_for: str
    wake_at: datetime | None
    lease_until: datetime | None = None
    ended: bool = False
    problem: str = ""
    path: list[str] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)


class MemorySagas:
    """Implements SagaStore for one runner over shared rows. `crash` may end the process around each commit."""

    def __init__(self, world: World, crash: Callable[[str], None]) -> None:
        self._world = world
        self._crash = crash

    async def start(self, saga: NewSaga) -> tuple[StartOutcome, int]:
        return self._world.start(saga)

    async def find(self, kind: str, subject_id: int, key: str, body: bytes) -> int | None:  # noqa: ARG002 - of the port
        return next(
            (saga_id for saga_id, record in self._world.records.items()
             if (record.saga.kind, record.saga.subject_id, record.key) == (kind, subject_id, key)), None,
        )  # fmt: skip

    async def claim(self, limit: int) -> Sequence[Saga]:
        return self._lease(list(self._world.records), limit)

    async def claim_one(self, saga_id: int) -> Saga | None:
        return next(iter(self._lease([saga_id], 1)), None)

    def _lease(self, saga_ids: Sequence[int], limit: int) -> Sequence[Saga]:
        world, now = self._world, self._world.clock.now()
        due = [
            record for record in (world.records[saga_id] for saga_id in saga_ids)
            if record.wake_at is not None and record.wake_at <= now
            and (record.lease_until is None or record.lease_until <= now)
        ][:limit]  # fmt: skip
        for record in due:
            record.lease_until = now + LEASE
            record.saga = replace(record.saga, epoch=record.saga.epoch + 1)
        self._crash("after claim")
        return [world.seen(record) for record in due]

    async def load(self, saga: Saga) -> Saga:
        record = self._ours(saga)
        return self._world.seen(record)

    async def advance(
        self, saga: Saga, move: Move, answered: tuple[Operation, ProviderAnswer] | None = None
    ) -> LedgerOutcome:
        self._crash("before commit")
        record = self._ours(saga)
        if record.saga.version != saga.version:
            raise FencedError
        outcome = self._world.commit(record, move, answered)
        self._crash("after commit")
        return outcome

    async def sleep(self, saga: Saga, until: datetime, problem: str = "") -> None:
        record = self._world.records[saga.saga_id]
        if record.saga.epoch != saga.epoch or record.ended:
            return
        record.lease_until, record.problem = None, problem
        seen = {signal.signal_id for signal in saga.signals}
        fresh = any(signal.signal_id not in seen for signal in record.saga.signals)
        record.wake_at = self._world.clock.now() if fresh else until

    async def signal(self, saga_id: int, name: str, key: str, data: Data) -> bool:
        return self._world.signal(saga_id, name, data, key)

    def _ours(self, saga: Saga) -> Record:
        record = self._world.records[saga.saga_id]
        expired = record.lease_until is None or record.lease_until <= self._world.clock.now()
        if record.saga.epoch != saga.epoch or expired or record.ended:
            raise FencedError
        return record


class World:
    """Everything that survives a process."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clock = VirtualClock()
        self.ledger = MemoryLedger()
        self.records: dict[int, Record] = {}
        self._ids = 0

    def start(self, new: NewSaga) -> tuple[StartOutcome, int]:
        for saga_id, record in self.records.items():
            if (record.saga.kind, record.saga.subject_id, record.key) == (new.kind, new.subject_id, new.key):
                return (StartOutcome.KNOWN if record.body == new.body else StartOutcome.KEY_REUSED), saga_id
            if new.unique_for and not record.ended and record.unique_for == new.unique_for:
                return StartOutcome.TAKEN, saga_id
        now = self.clock.now()
        saga = Saga(self.fresh_id(), new.kind, new.subject_id, new.state, dict(new.data), 1, 0, 0, now, now)
        self.records[saga.saga_id] = Record(saga, new.key, new.body, new.unique_for, now, path=[new.state])
        return StartOutcome.STARTED, saga.saga_id

    def signal(self, saga_id: int, name: str, data: Data, key: str = "") -> bool:
        """Tell it something; once a key, when there is one."""
        record = self.records[saga_id]
        if record.ended:
            return False
        if key and (name, key) in record.told:
            return True
        record.told.add((name, key))
        signal = Signal(self.fresh_id(), name, data)
        record.saga = replace(record.saga, signals=(*record.saga.signals, signal))
        record.wake_at = self.clock.now()
        return True

    def hear(self, reference: str, answer: ProviderAnswer) -> None:
        """A provider's word outside of any call."""
        for record in self.records.values():
            for purpose, operation in record.saga.operations.items():
                if operation.reference == reference and operation.state.may_become(answer.state):
                    self._answer(record, purpose, answer)
                    if not record.ended:
                        record.wake_at = self.clock.now()

    def seen(self, record: Record) -> Saga:
        return record.saga

    def fresh_id(self) -> int:
        self._ids += 1
        return self._ids

    def commit(self, record: Record, move: Move, answered: tuple[Operation, ProviderAnswer] | None) -> LedgerOutcome:
        """All of it or nothing."""
        ledger, saga = self.ledger.copy(), record.saga
        if answered is not None and saga.operations[answered[0].purpose].state is not answered[0].state:
            raise FencedError
        operations = dict(saga.operations)
        for action in move.actions:
            outcome = self._act(ledger, operations, saga, action)
            if not outcome.is_good:
                return outcome
        self.ledger = ledger
        is_end, now = move.wake_at is None, self.clock.now()
        record.path.append(move.to)
        record.wake_at, record.ended = move.wake_at, is_end
        open_signals = tuple(signal for signal in saga.signals if signal.signal_id not in move.taken)
        record.saga = replace(
            saga, state=move.to, data={**saga.data, **move.data}, attempts=move.attempts, signals=open_signals,
            version=saga.version + (move.to != saga.state or is_end), changed_at=now, operations=operations,
        )  # fmt: skip
        if open_signals and not is_end:
            record.wake_at = now
        if answered is not None:
            operation, answer = answered
            if operation.state.may_become(answer.state):
                self._answer(record, operation.purpose, answer)
        return LedgerOutcome.DONE

    def _answer(self, record: Record, purpose: str, answer: ProviderAnswer) -> None:
        operation = replace(
            record.saga.operations[purpose], state=answer.state, provider_reason=answer.reason,
            provider_fee=answer.fee,
            instruction_expires_at=answer.expires_at or record.saga.operations[purpose].instruction_expires_at,
        )  # fmt: skip
        record.saga = replace(record.saga, operations={**record.saga.operations, purpose: operation})

    def _act(self, ledger: MemoryLedger, operations: dict[str, Operation], saga: Saga, action: Action) -> LedgerOutcome:  # noqa: PLR0911 - one a kind
        match action:
            case Transfer():
                return ledger.post(saga.saga_id, action)
            case PlaceHold():
                return ledger.hold(saga.saga_id, action)
            case ReleaseHold():
                return ledger.release(saga.saga_id, action.purpose)
            case TakeLimit():
                return ledger.take(action)
            case GiveBackLimit():
                return ledger.give_back(action)
            case Intend():
                operations.setdefault(
                    action.purpose,
                    Operation(
                        self.fresh_id(), saga.saga_id, action.purpose, action.kind, action.rail, action.amount,
                        action.destination_id, action.original_id, OperationState.INTENDED,
                    ),
                )  # fmt: skip
                return LedgerOutcome.DONE
            case Start():
                self.start(NewSaga(action.kind, action.subject_id, action.key, b"", action.state, action.data))
                return LedgerOutcome.DONE
            case Projection():
                return ledger.project(saga, action)
            case CollectDebt():
                return ledger.collect(action.user_id, whole=True)
            case CheckReversible():
                left = ledger.left_of(action.user_id, action.of_kind, action.of_key)
                return LedgerOutcome.DONE if action.amount <= left else LedgerOutcome.EXCEEDS_ORIGINAL


__all__ = ["Crash", "MemorySagas", "TransferKind", "World"]
