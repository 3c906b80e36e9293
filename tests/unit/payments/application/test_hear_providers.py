"""Words of providers that make no sense, come too early, or say the opposite of what was said before."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.payments.application.hear_providers import Heard, HearProviders, OpenWord, Word
from services.payments.domain.providers import Operation, OperationKind, OperationState, ProviderAnswer, Rail
from tests.fakes.clock import FixedClock

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Inbox:
    """Words in memory; the operation that they may be about stands in `state`."""

    def __init__(self, words: list[Word], state: OperationState, *, is_known: bool = True) -> None:
        self.words = words
        self.state = state
        self.is_known = is_known
        self.closed: list[Heard] = []
        self.postponed: list[datetime] = []
        self.word = words[0]

    async def keep(self, provider: str, event_id: str, raw: bytes) -> bool:
        self.words.append(Word(provider, event_id, raw, NOW))
        return True

    @contextlib.asynccontextmanager
    async def next(self) -> AsyncIterator[OpenWord | None]:
        if not self.words:
            yield None
            return
        self.word = self.words.pop(0)
        yield self

    async def operation(self, operation_id: int) -> Operation | None:
        found = Operation(operation_id, 1, "charge", OperationKind.CHARGE, Rail.CARD, 500, state=self.state)
        return found if self.is_known else None

    async def hear(self, operation: Operation, answer: ProviderAnswer) -> Heard:
        return Heard.HEARD if operation.state.may_become(answer.state) else Heard.OLD

    async def close(self, outcome: Heard) -> None:
        self.closed.append(outcome)

    async def postpone(self, until: datetime) -> None:
        self.postponed.append(until)


class Reader:
    """Reads words that are names of states; some cannot be read at all."""

    def operation_id(self, raw: bytes, /) -> int:
        if raw == b"stranger":
            raise ValueError("none of ours")
        return 7

    def answer(self, raw: bytes, operation: Operation, /) -> ProviderAnswer:
        if raw == b"year 99999":
            raise OverflowError
        return ProviderAnswer(OperationState(raw.decode()), operation.provider_reference)


def words(*raw: str, age: timedelta = timedelta()) -> list[Word]:
    return [Word("paymob", str(number), text.encode(), NOW - age) for number, text in enumerate(raw)]


def hearing(inbox: Inbox) -> tuple[HearProviders, list[Heard]]:
    seen: list[Heard] = []
    hear = HearProviders(
        inbox, {"paymob": Reader()}, FixedClock(int(NOW.timestamp() * 1000)), lambda _, heard: seen.append(heard)
    )
    return hear, seen


@pytest.mark.parametrize(
    ("stands", "said", "heard"),
    [
        ("pending", "succeeded", Heard.HEARD),
        ("succeeded", "succeeded", Heard.OLD),
        ("succeeded", "declined", Heard.OLD),
        ("succeeded", "returned", Heard.HEARD),
        ("declined", "declined", Heard.OLD),
        # Money moved for what is over: nobody may miss that.
        ("declined", "succeeded", Heard.CONTRARY),
        ("declined", "returned", Heard.CONTRARY),
    ],
)
async def test_what_contradicts_a_refusal_is_shown_to_somebody(stands: str, said: str, heard: Heard) -> None:
    inbox = Inbox(words(said), OperationState(stands))
    hear, seen = hearing(inbox)
    assert await hear() == 1
    assert inbox.closed == seen == [heard]


async def test_a_word_that_cannot_be_read_holds_up_nothing_behind_it() -> None:
    inbox = Inbox(words("year 99999", "stranger", "unknown", "succeeded"), OperationState.PENDING)
    hear, seen = hearing(inbox)
    assert await hear() == 4
    assert seen == [Heard.SENSELESS, Heard.SENSELESS, Heard.SENSELESS, Heard.HEARD]


async def test_a_word_about_nothing_known_is_looked_at_again_for_a_while() -> None:
    fresh = Inbox(words("succeeded"), OperationState.PENDING, is_known=False)
    hear, seen = hearing(fresh)
    await hear()
    assert (fresh.closed, seen) == ([], [])
    assert fresh.postponed[0] > NOW
    stale = Inbox(words("succeeded", age=timedelta(minutes=11)), OperationState.PENDING, is_known=False)
    hear, seen = hearing(stale)
    await hear()
    assert stale.closed == seen == [Heard.UNKNOWN]
