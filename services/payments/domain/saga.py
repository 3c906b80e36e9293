"""Sagas: the record, the steps a machine may ask for, and the interface of one. No clock, store or provider here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from services.payments.domain.providers import Operation, OperationKind, ProviderAnswer, Rail
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind

Data: TypeAlias = Mapping[str, int | str | bool | None]
"""What a saga remembers: small, and nothing about a person but ids."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What somebody asks of a running saga."""

    signal_id: int
    name: str
    data: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saga:
    """A saga as its runner sees it: its record, what its provider operations say, and the signals not yet taken.

    `epoch` and `version` fence it: a decision on an older one is void. `attempts` counts the inquiries in this state.
    `facts` is what its kind needs to know beside it, read with it; None for kinds that need nothing.
    """

    saga_id: int
    kind: str
    subject_id: int
    state: str
    data: Data
    version: int
    attempts: int
    epoch: int
    started_at: datetime
    changed_at: datetime
    operations: Mapping[str, Operation] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    facts: object = None

    def number(self, name: str) -> int:
        """A whole number that it remembers; KeyError or TypeError when there is none of that name."""
        value = self.data[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is no number")
        return value

    def text(self, name: str) -> str:
        """A text that it remembers; KeyError or TypeError when there is none of that name."""
        value = self.data[name]
        if not isinstance(value, str):
            raise TypeError(f"{name} is no text")
        return value

    def signal(self, name: str) -> Signal | None:
        """The first open signal of a name."""
        return next((signal for signal in self.signals if signal.name == name), None)


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Hold an amount of a wallet; `lasts_s` is None for a hold that only the saga ends."""

    account_id: int
    amount: int
    purpose: str
    lasts_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Free what the saga holds for a purpose."""

    purpose: str


@dataclass(frozen=True, slots=True)
class TakeLimit:
    """Count an amount against a person's limits of a rail; refused when one would be crossed."""

    user_id: int
    rail: str
    amount: int


@dataclass(frozen=True, slots=True)
class GiveBackLimit:
    """Count an amount no longer that was counted at a moment."""

    user_id: int
    rail: str
    amount: int
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Intend:
    """Write down what a provider will be asked, before it is."""

    purpose: str
    kind: OperationKind
    rail: Rail
    amount: int
    destination_id: int = 0
    original_id: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Start another saga in the same transaction, once a key."""

    kind: str
    subject_id: int
    key: str
    state: str
    data: Data


@dataclass(frozen=True, slots=True)
class Projection:
    """Rows that a kind of saga keeps for people to see: each kind has its own, written with the transition."""


@dataclass(frozen=True, slots=True)
class CollectDebt:
    """Take all that a person owes out of their wallet; refused as long as something would be left owed."""

    user_id: int


@dataclass(frozen=True, slots=True)
class CheckReversible:
    """Refused when an amount is more than what of a transfer has not been taken back; in piastres."""

    user_id: int
    of_kind: TransferKind
    of_key: str
    amount: int


Action: TypeAlias = (
    PlaceHold
    | ReleaseHold
    | TakeLimit
    | GiveBackLimit
    | Intend
    | Start
    | Transfer
    | Projection
    | CollectDebt
    | CheckReversible
)


@dataclass(frozen=True, slots=True)
class Move:
    """Do the actions and go to a state, in one transaction. `wake_at` None ends the saga.

    `data` is laid over what it remembers; `taken` are the signals that caused it.
    """

    to: str
    reason: str
    wake_at: datetime | None
    actions: tuple[Action, ...] = ()
    data: Data = field(default_factory=dict)
    taken: tuple[int, ...] = ()
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """Put the operation of a purpose to its provider: send it, or inquire after it when it was sent before."""

    purpose: str
    inquire: bool


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing to do before a moment, unless a signal or a provider's word comes."""

    until: datetime


Step: TypeAlias = Move | Ask | Sleep


class Machine(Protocol):
    """One kind of saga. Pure: the same record, moment and answer always give the same step."""

    @property
    def kind(self) -> str:
        """What sagas of it are called."""
        ...

    def next(self, saga: Saga, now: datetime) -> Step:
        """What to do now."""
        ...

    def refused(self, saga: Saga, outcome: LedgerOutcome, now: datetime) -> Move:
        """What instead, when the ledger refused an action of `next`'s step, of which nothing happened then."""
        ...

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:
        """What follows from a provider's answer; `operation` is as it was before."""
        ...


class StuckError(Exception):
    """A machine met what it has no rule for: the saga stops where it is, and says why."""
