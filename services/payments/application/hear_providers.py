"""Words of providers: kept as they came before anything else, then told to the operations that they are about."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from services.chassis.clock import Clock
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer

_AT_ONCE: Final = 50
# An operation is written before its provider is asked, so a word about none is about none of ours; but for a database
# that was restored to a while ago.
_PATIENCE: Final = timedelta(minutes=10)
_LOOK_AGAIN: Final = timedelta(seconds=10)

_log = structlog.get_logger(__name__)


class Heard(enum.Enum):
    """What became of a word."""

    HEARD = "heard"
    OLD = "old"
    """It was known, or something later is."""
    LATE = "late"
    """Its saga has ended: reconciliation shows what that means."""
    CONTRARY = "contrary"
    """It says that money moved, of what it said had been declined: somebody has to look."""
    UNKNOWN = "unknown"
    """There is no such operation."""
    SENSELESS = "senseless"
    """It names no operation of ours, or says nothing that can be of it."""


@dataclass(frozen=True, slots=True)
class Word:
    """A callback that was kept."""

    provider: str
    event_id: str
    raw: bytes = field(repr=False)
    received_at: datetime = field(repr=False)


class OpenWord(Protocol):
    """A word that is being applied, locked and in one transaction with what it changes."""

    word: Word

    async def operation(self, operation_id: int) -> Operation | None:
        """The operation as it stands."""
        ...

    async def hear(self, operation: Operation, answer: ProviderAnswer) -> Heard:
        """Tell the operation, and wake its saga when that is news."""
        ...

    async def close(self, outcome: Heard) -> None:
        """It was applied."""
        ...

    async def postpone(self, until: datetime) -> None:
        """Look again at a moment."""
        ...


class ProviderInbox(Protocol):
    """Keeps words. AppError UNAVAILABLE when the database is away."""

    async def keep(self, provider: str, event_id: str, raw: bytes) -> bool:
        """Keep one; False when it was kept before."""
        ...

    def next(self) -> AbstractAsyncContextManager[OpenWord | None]:
        """The oldest one that nobody applies yet; its transaction commits with the block."""
        ...


class WordReader(Protocol):
    """Reads the words of one provider."""

    def operation_id(self, raw: bytes, /) -> int:
        """The operation that it is about. ValueError when it names none of ours."""
        ...

    def answer(self, raw: bytes, operation: Operation, /) -> ProviderAnswer:
        """What it says of that operation."""
        ...


class HearProviders:
    """Applies what was kept, in whatever order it came. Any number may be at work."""

    def __init__(
        self,
        inbox: ProviderInbox,
        readers: Mapping[str, WordReader],
        clock: Clock,
        observe: Callable[[str, Heard], None] = lambda _provider, _outcome: None,
    ) -> None:
        """`readers` by provider; `observe` is told what became of each word."""
        self._inbox = inbox
        self._readers = readers
        self._clock = clock
        self._observe = observe

    async def __call__(self) -> int:
        """Apply what waits, a batch at most; how many words that were. AppError UNAVAILABLE."""
        for number in range(_AT_ONCE):
            async with self._inbox.next() as opened:
                if opened is None:
                    return number
                await self._apply(opened)
        return _AT_ONCE

    async def _apply(self, opened: OpenWord) -> None:
        word = opened.word
        outcome = Heard.SENSELESS
        reader = self._readers.get(word.provider)
        operation_id = _named(reader, word)
        if reader is not None and operation_id is not None:
            operation = await opened.operation(operation_id)
            if operation is None:
                outcome = Heard.UNKNOWN
                if self._clock.now() < word.received_at + _PATIENCE:
                    await opened.postpone(self._clock.now() + _LOOK_AGAIN)
                    return
            else:
                answer = _said(reader, word, operation)
                if answer.state is not OperationState.UNKNOWN:
                    outcome = await opened.hear(operation, answer)
                    if outcome is Heard.OLD and _contradicts(operation, answer):
                        outcome = Heard.CONTRARY
        if outcome not in {Heard.HEARD, Heard.OLD}:
            _log.warning("provider_word", provider=word.provider, event_id=word.event_id, outcome=outcome.value)
        self._observe(word.provider, outcome)
        await opened.close(outcome)


def _contradicts(operation: Operation, answer: ProviderAnswer) -> bool:
    moved = answer.state in {OperationState.SUCCEEDED, OperationState.RETURNED}
    return moved and operation.state is OperationState.DECLINED


def _said(reader: WordReader, word: Word, operation: Operation) -> ProviderAnswer:
    try:
        return reader.answer(word.raw, operation)
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
        # It would be the oldest for ever, and nothing behind it would be heard.
        return NO_ANSWER


def _named(reader: WordReader | None, word: Word) -> int | None:
    try:
        return None if reader is None else reader.operation_id(word.raw)
    except ValueError:
        return None
