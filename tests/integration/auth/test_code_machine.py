"""One-time codes under any order of requests, tries, messages and time, against a model in plain Python."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from services.auth.adapters.code_mint import CodeMint
from services.auth.application.code_ports import SendOutcome
from tests.fakes.clock import FixedClock
from tests.integration.auth.code_model import LEASE_MS, LIFE_MS, SETTINGS, TRIES, CodeModel, Flow
from tests.integration.auth.codes import Codes, code_in
from tests.integration.auth.server import KEK, Refused, read_refusal, running

# Three of one block and one of another.
NUMBERS, BLOCKS = st.sampled_from([0, 0, 0, 1, 2, 3]), (0, 0, 0, 1)
DEVICES = ["device-of-the-test-1", "device-of-the-test-2", ""]
NETWORKS = ["197.5.5.1", "197.5.5.77", "41.9.9.1", ""]
PICK = st.integers(0, 30)
SECONDS = [1, 1, 7, 7, 9, 11, 61, 100, 299, 1_000, 3_600, 50_000]


class KnowingProvider:
    """Sends each reference once; `fate` says what becomes of a request and whether it is heard of."""

    def __init__(self) -> None:
        self.fate = "sent"
        self.asked: list[str] = []
        self.sent: dict[str, tuple[str, str]] = {}

    async def send(self, reference: str, phone: str, text: str) -> SendOutcome:
        self.asked.append(reference)
        if self.fate in {"sent", "timeout"}:
            # Asked again for the same reference it says that it was sent.
            self.sent.setdefault(reference, (phone, text))
        answers = {"sent": SendOutcome.SENT, "refused": SendOutcome.REFUSED}
        return answers.get(self.fate, SendOutcome.UNKNOWN)


class World:
    """auth on a database, in a loop that the machine drives."""

    def __init__(self, url: str, clock: FixedClock) -> None:
        self.clock = clock
        self.mint = CodeMint(KEK)
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.auth = self.run(self.stack.enter_async_context(running(url, clock, **SETTINGS)))
        self.codes = Codes(self.auth)
        self.names = itertools.count(1000)

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def value(self, sql: str, *arguments: object) -> Any:
        return self.run(self.auth.pool.fetchval(sql, *arguments))

    def answer(self, work: Any) -> tuple[Any, Refused | None]:
        """What a call answers, or how it is refused."""
        try:
            return self.run(work), None
        except grpc.aio.AioRpcError as error:
            return None, read_refusal(error)

    def begin(self) -> list[str]:
        """Numbers that nobody has asked for, budgets that are whole, and an empty outbox."""
        for table in ("code_flows", "code_budgets", "code_messages"):
            self.run(self.auth.pool.execute(f"DELETE FROM {table}"))
        name = next(self.names)
        return [f"+2010{name}{block}{number:03d}" for number, block in enumerate(BLOCKS)]

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


class CodeMachine(RuleBasedStateMachine):
    """Four numbers, three devices, three networks and a provider."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.numbers = self.world.begin()
        self.model = CodeModel()
        self.provider = KnowingProvider()
        self.opened: list[Flow] = []
        self.sessions = self._sessions()
        self.keys = itertools.count()

    def _sessions(self) -> int:
        return int(self.world.value("SELECT count(*) FROM sessions"))

    def _is_code_of(self, flow: Flow, code: str) -> bool:
        flow_hash = self.world.mint.hash_flow(flow.token)
        stored = self.world.value("SELECT code_hash FROM code_flows WHERE flow_hash = $1", flow_hash)
        return self.world.mint.matches(flow_hash, code, stored)

    def _wrong_code(self, flow: Flow, start: int) -> str:
        return next(code for n in range(2) if not self._is_code_of(flow, code := f"{start + n:06d}"))

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(number=NUMBERS, device=st.sampled_from(DEVICES), network=st.sampled_from(NETWORKS))
    def request(self, number: int, device: str, network: str) -> None:
        self._send(self.numbers[number], device, f"key-{next(self.keys)}", network)

    @precondition(lambda self: self.opened)
    @rule(pick=PICK, network=st.sampled_from(NETWORKS))
    def resend(self, pick: int, network: str) -> None:
        """The button that asks for another code, a minute later."""
        flow = self.opened[pick % len(self.opened)]
        self.world.clock.advance(61)
        self._send(flow.number, flow.device, f"key-{next(self.keys)}", network)

    @precondition(lambda self: self.model.flows)
    @rule(pick=PICK, network=st.sampled_from(NETWORKS))
    def repeat(self, pick: int, network: str) -> None:
        """The same request again, as after a lost answer: the same flow, no charge and no message."""
        number, device, key = list(self.model.flows)[pick % len(self.model.flows)]
        flow = self.model.flows[number, device, key]
        answer, refusal = self.world.answer(self.world.codes.send(number, device=device, key=key, network=network))
        assert refusal is None
        assert answer.flow_token == flow.token
        assert answer.expires_at.ToMilliseconds() == flow.ends_at_ms

    def _send(self, number: str, device: str, key: str, network: str) -> None:
        now_ms, address = self.world.clock.now_ms(), network
        network = re.sub(r"\.\d+$", ".0/24", network)
        wait_ms = self.model.spent_for_ms(number, device, network, now_ms)
        answer, refusal = self.world.answer(self.world.codes.send(number, device=device, key=key, network=address))
        if wait_ms:
            assert refusal is not None
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CODE_LIMIT_REACHED")
            assert refusal.retry_after_ms == wait_ms
            return
        assert refusal is None, refusal.reason
        flow = self.model.open(number, device, key, network, answer.flow_token, now_ms)
        assert answer.expires_at.ToMilliseconds() == now_ms + LIFE_MS
        assert flow.token not in {other.token for other in self.opened}
        self.opened.append(flow)

    @rule(fate=st.sampled_from(["sent", "sent", "sent", "refused", "failed", "timeout"]))
    def send_what_is_due(self, fate: str) -> None:
        self._deliver(fate)

    def _deliver(self, fate: str) -> None:
        now_ms = self.world.clock.now_ms()
        due = self.model.due(now_ms)
        asked, sent = len(self.provider.asked), set(self.provider.sent)
        self.provider.fate = fate
        assert self.world.run(self.world.codes.sender(self.provider).deliver_due()) == len(due)
        in_time = [flow for flow, _ in due if flow.ends_at_ms > now_ms]
        assert len(self.provider.asked) - asked == len(in_time)
        for flow, message in due:
            message.sends += 1
            message.taken |= fate in {"sent", "timeout"} and flow in in_time
            message.is_done = fate in {"sent", "refused"} or flow not in in_time
            message.next_send_ms = now_ms + LEASE_MS
        for reference in set(self.provider.sent) - sent:
            self._read(*self.provider.sent[reference])

    def _read(self, phone: str, text: str) -> None:
        """A message reached its phone: of one flow, which had none before."""
        code = code_in(text)
        [flow] = [flow for flow in self.opened if flow.number == phone and self._is_code_of(flow, code)]
        assert flow.message is not None, "sent what a spent share withholds"
        assert flow.code == "", "two messages for one idempotency key"
        flow.code = code

    @precondition(lambda self: self.opened)
    @rule(pick=PICK, times=st.integers(1, TRIES + 1), start=st.integers(0, 999_998))
    def guess(self, pick: int, times: int, start: int) -> None:
        flow = self.opened[pick % len(self.opened)]
        for _ in range(times):
            self._redeem(flow, flow.device, self._wrong_code(flow, start))

    @precondition(lambda self: any(flow.code for flow in self.opened))
    @rule(pick=PICK, other_device=st.sampled_from([None, None, None, *DEVICES]))
    def redeem(self, pick: int, other_device: str | None) -> None:
        arrived = [flow for flow in self.opened if flow.code]
        flow = arrived[pick % len(arrived)]
        self._redeem(flow, flow.device if other_device is None else other_device, flow.code)

    @rule(number=NUMBERS, device=st.sampled_from(DEVICES), tries=st.integers(0, TRIES), start=st.integers(0, 999))
    def sign_in(self, number: int, device: str, tries: int, start: int) -> None:
        """As people do: ask, read, mistype, on the wrong device too, and then the right code."""
        self.world.clock.advance(61)
        self._send(self.numbers[number], device, f"key-{next(self.keys)}", NETWORKS[start % len(NETWORKS)])
        self._deliver("sent")
        flow = self.opened[-1] if self.opened else None
        if flow is not None and flow.code:
            for _ in range(tries):
                self._redeem(flow, device, self._wrong_code(flow, start))
            self._redeem(flow, DEVICES[(DEVICES.index(device) + 1) % len(DEVICES)], flow.code)
            self._redeem(flow, flow.device, flow.code)

    @precondition(lambda self: self.opened and self.opened[-1].code)
    @rule(early_ms=st.integers(-1, 1))
    def redeem_around_the_end(self, early_ms: int) -> None:
        flow = self.opened[-1]
        left_ms = flow.ends_at_ms - early_ms - self.world.clock.now_ms()
        if left_ms >= 0:
            self.world.clock.advance(left_ms / 1000)
        self._redeem(flow, flow.device, flow.code)

    @precondition(lambda self: any(flow.code for flow in self.opened))
    @rule(pick=PICK, other=PICK)
    def redeem_with_the_code_of_another_flow(self, pick: int, other: int) -> None:
        """Another number's code, or the one before: each is of its own flow only."""
        arrived = [flow for flow in self.opened if flow.code]
        code, flow = arrived[pick % len(arrived)].code, self.opened[other % len(self.opened)]
        if not flow.code and self._is_code_of(flow, code):
            return  # one in a million: nobody has read it, and yet it is known
        self._redeem(flow, flow.device, code)

    def _redeem(self, flow: Flow, device: str, code: str) -> None:
        tries_left = TRIES - flow.tries - 1
        expected = self.model.redeem(flow, device, code, self.world.clock.now_ms())
        answer, refusal = self.world.answer(self.world.codes.redeem(flow.token, code, device=device))
        if refusal is not None:
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, expected)
            assert expected != "CODE_INVALID" or refusal.metadata == {"tries_left": str(tries_left)}
            return
        redeemed_for = (answer.user_id, answer.tokens.refresh_token)
        if expected == "NEW":
            flow.redeemed_for = redeemed_for
            phone = self.world.value("SELECT phone FROM accounts WHERE user_id = $1", answer.user_id)
            assert phone == flow.number
        else:
            assert expected == "AGAIN"
            assert flow.redeemed_for == redeemed_for

    @invariant()
    def as_many_sessions_as_codes_that_were_right(self) -> None:
        assert self._sessions() == self.sessions + self.model.sessions

    @invariant()
    def flows_and_outbox_are_the_models(self) -> None:
        rows = self.world.run(
            self.world.auth.pool.fetch("SELECT flow_hash, tries, repeats, redeemed_at FROM code_flows")
        )
        stored = {row[0]: (row[1], row[2], row[3] is not None) for row in rows}
        assert stored == {
            self.world.mint.hash_flow(flow.token): (flow.tries, flow.repeats, flow.redeemed_at_ms is not None)
            for flow in self.opened
        }
        assert max((tries for tries, _, _ in stored.values()), default=0) <= TRIES
        assert self.world.value("SELECT count(*) FROM code_messages") == len(self.model.waiting())

    @invariant()
    def no_budget_is_overdrawn(self) -> None:
        now = self.world.clock.now()
        assert self.world.value("SELECT count(*) FROM code_budgets WHERE used > allowed") == 0
        sql = "SELECT window_s, used, count(*) FROM code_budgets WHERE ends_at > $1 GROUP BY 1, 2"
        rows = self.world.run(self.world.auth.pool.fetch(sql, now))
        assert {(row[0], row[1]): row[2] for row in rows} == self.model.used(self.world.clock.now_ms())

    @invariant()
    def one_message_for_a_key_at_most(self) -> None:
        taken = [flow for flow in self.opened if flow.message is not None and flow.message.taken]
        assert len(self.provider.sent) == len(taken)
        assert all(flow.code for flow in taken)


@pytest.mark.timeout(240)
def test_any_order_of_requests_tries_and_messages(migrated_database: Callable[[str], str], clock: FixedClock) -> None:
    world = World(migrated_database("auth"), clock)
    CodeMachine.world = world
    try:
        run_machine(
            CodeMachine,
            settings=settings(
                max_examples=50,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    finally:
        world.close()
