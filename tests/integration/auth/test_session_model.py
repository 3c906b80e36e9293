"""Sessions through random lives against a model in plain Python: who may refresh, and whose tokens are believed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.auth.adapters.postgres.own_sessions import PostgresOwnSessions
from services.auth.adapters.postgres.revocation_log import PostgresRevocations
from services.auth.adapters.postgres.sessions import PostgresSessions
from services.auth.adapters.refresh_token_mint import RefreshTokenMint
from services.auth.application.own_sessions import ManageOwnSessions
from services.auth.application.ports import StartedSession, TokenPair
from services.auth.application.refresh_tokens import RefreshTokens
from services.auth.application.session_opener import SessionOpener
from services.auth.application.sign_out import SignOut
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.device import Device, read_device
from services.auth.domain.session import SessionLifetimes
from services.chassis.errors import AppError
from services.chassis.identity import Identity, IdentityKind
from services.chassis.postgres import create_pool
from services.chassis.revocations import Revocations
from tests.fakes.clock import FixedClock

T = TypeVar("T")
PEOPLE = 2
LIVES = SessionLifetimes(
    access=timedelta(minutes=10), refresh_idle=timedelta(seconds=2_000), session=timedelta(seconds=5_000)
)
DEVICES = [Device(), *(read_device(f"device-number-{n:04d}", "موبايل", "197.32.1.0/24") for n in range(2))]
MOSTLY = 24
WHO, PICK = st.integers(0, PEOPLE - 1), st.integers(0, 30)
ADD_ACCOUNT = """
INSERT INTO accounts (email, password_hash, register_key, created_at) VALUES ($1, 'x', '', now()) RETURNING user_id
"""


class SpellingSigner:
    """Access tokens that say in plain words whose they are."""

    def sign(self, session: StartedSession, issued_at: datetime, _life: timedelta) -> str:
        return f"{session.user_id} {session.session_id} {session.epoch} {int(issued_at.timestamp())}"


@dataclass
class Given:
    """A refresh token that was given out; `successor` once it was used."""

    token: str
    expires_at: datetime
    used_at: datetime | None = None
    successor: Given | None = None


@dataclass
class Known:
    """A session as it must be."""

    user_id: int
    session_id: int
    device: Device
    expires_at: datetime
    last_seen_at: datetime
    given: list[Given]
    ended: bool = False


@dataclass
class Account:
    """An account as it must be."""

    user_id: int
    epoch: int = 0
    active: bool = True
    sessions: list[Known] = field(default_factory=list)


class SessionMachine(RuleBasedStateMachine):
    """Two people sign in, refresh, replay, end and are suspended, while time passes."""

    url = ""
    names = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FixedClock(time.time_ns() // 1_000_000)
        self.pool = self.run(create_pool(self.url, application_name="model", min_size=1, max_size=2))
        self.opener = SessionOpener(RefreshTokenMint(), SpellingSigner(), LIVES, self.clock)
        self.sessions = PostgresSessions(self.pool)
        self.refreshing = RefreshTokens(self.sessions, RefreshTokenMint(), self.opener, LIVES, self.clock)
        self.own = ManageOwnSessions(PostgresOwnSessions(self.pool), self.clock)
        self.list = Revocations(PostgresRevocations(self.pool), self.clock)
        ids = [self.run(self.pool.fetchval(ADD_ACCOUNT, f"{next(self.names)}@example.com")) for _ in range(PEOPLE)]
        self.people = [Account(user_id) for user_id in ids]
        # Access tokens that have not expired, as any service sees them.
        self.tokens: list[Identity] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def refused(self, reason: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            self.run(work)
        except AppError as error:
            assert error.reason == reason  # noqa: PT017 - what is asserted is which refusal it was
        else:
            raise AssertionError(f"not refused: {reason}")

    def is_live(self, session: Known) -> bool:
        return not session.ended and session.expires_at > self.clock.now()

    def believed(self, pair: TokenPair) -> None:
        user_id, session_id, epoch, issued_at_s = map(int, pair.access_token.split())
        account = next(one for one in self.people if one.user_id == user_id)
        assert epoch == account.epoch
        assert issued_at_s == self.clock.now_ms() // 1000
        self.tokens.append(
            Identity(IdentityKind.USER, user_id=user_id, session_id=session_id, epoch=epoch, issued_at_s=issued_at_s)
        )

    @rule(seconds=st.sampled_from([1, 300, 1_500, 2_500]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(who=WHO, device=st.sampled_from(DEVICES))
    def sign_in(self, who: int, device: Device) -> None:
        account = self.people[who]
        opening = self.opener.prepare(Proof(Method.PASSWORD, self.clock.now()), device)
        if not account.active:
            self.refused("ACCOUNT_SUSPENDED", self.sessions.start(account.user_id, opening.stored))
            return
        started = self.run(self.sessions.start(account.user_id, opening.stored))
        assert started.epoch == account.epoch
        stored = opening.stored
        self.believed(self.opener.pair(started, opening.refresh_token, stored.refresh_expires_at))
        given = Given(opening.refresh_token, stored.refresh_expires_at)
        account.sessions.append(
            Known(account.user_id, started.session_id, device, stored.expires_at, self.clock.now(), [given])
        )

    @rule(who=WHO, which=PICK, uses=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 9, 11])), min_size=1))
    def use_refresh_tokens(self, who: int, which: int, uses: list[tuple[int, int]]) -> None:
        for back, seconds in uses:
            self.refresh(who, which, back)
            self.clock.advance(seconds)

    def refresh(self, who: int, which: int, back: int) -> None:
        """The newest token, or one that was used before."""
        account, now = self.people[who], self.clock.now()
        session = self.caller(who, which)
        if session is None:
            return
        given = session.given[max(0, len(session.given) - 1 - back)]
        may = account.active and self.is_live(session)
        if may and given.used_at is None and given.expires_at > now:
            pair = self.run(self.refreshing(given.token))
            assert pair.refresh_expires_at == min(now + LIVES.refresh_idle, session.expires_at)
            given.used_at, session.last_seen_at = now, now
            given.successor = Given(pair.refresh_token, pair.refresh_expires_at)
            session.given.append(given.successor)
            self.believed(pair)
        elif may and given.successor and given.used_at and now - given.used_at <= LIVES.reuse_grace:
            pair = self.run(self.refreshing(given.token))
            assert pair.refresh_token == given.successor.token
            self.believed(pair)
        else:
            self.refused("REFRESH_TOKEN_INVALID", self.refreshing(given.token))
            # A thief, or the owner whom a thief was quicker than: the family is over.
            session.ended = session.ended or (may and given.used_at is not None)

    @rule(who=WHO, which=PICK, chosen=PICK, foreign=st.booleans())
    def end_one(self, who: int, which: int, chosen: int, *, foreign: bool) -> None:
        caller = self.caller(who, which)
        owner = self.people[(who + foreign) % PEOPLE]
        if caller is None or not owner.sessions:
            return
        ended = owner.sessions[chosen % len(owner.sessions)]
        work = self.own.end(caller.user_id, caller.session_id, ended.session_id)
        if not self.is_live(caller):
            self.refused("TOKEN_REVOKED", work)
            return
        assert self.run(work) == (not foreign and not ended.ended)
        ended.ended = ended.ended or not foreign

    @rule(who=WHO, which=PICK)
    def end_others(self, who: int, which: int) -> None:
        caller = self.caller(who, which)
        if caller is not None:
            others = [one for one in self.people[who].sessions if one is not caller]
            self.end_many(caller, others, self.own.end_others(caller.user_id, caller.session_id))

    @rule(who=WHO, which=PICK)
    def sign_out_everywhere(self, who: int, which: int) -> None:
        caller = self.caller(who, which)
        if caller is not None:
            account, may = self.people[who], self.is_live(caller)
            self.end_many(caller, account.sessions, self.own.sign_out_everywhere(caller.user_id, caller.session_id))
            account.epoch += may

    @rule(who=WHO, which=PICK, device=st.sampled_from(DEVICES[1:]))
    def forget_device(self, who: int, which: int, device: Device) -> None:
        caller = self.caller(who, which)
        if caller is not None:
            on_it = [one for one in self.people[who].sessions if one.device == device]
            work = self.own.forget_device(caller.user_id, caller.session_id, device.digest.hex())
            self.end_many(caller, on_it, work)

    @rule(who=WHO, which=PICK)
    def sign_out(self, who: int, which: int) -> None:
        caller = self.caller(who, which)
        if caller is not None:
            self.run(SignOut(self.sessions, self.clock)(caller.user_id, caller.session_id))
            caller.ended = True

    @rule(who=WHO, active=st.sampled_from([True, True, False]))
    def suspend_or_reinstate(self, who: int, *, active: bool) -> None:
        account = self.people[who]
        status = "UPDATE accounts SET status = $2 WHERE user_id = $1"
        self.run(self.pool.execute(status, account.user_id, 1 if active else 2))
        account.epoch += account.active and not active
        account.active = active

    def caller(self, who: int, which: int) -> Known | None:
        """One of a person's sessions, mostly one that is live: most of what is wrong shows there."""
        sessions = self.people[who].sessions
        live = [one for one in sessions if self.is_live(one)]
        among = live if live and which < MOSTLY else sessions
        return among[which % len(among)] if among else None

    def end_many(self, caller: Known, sessions: list[Known], work: Coroutine[Any, Any, int]) -> None:
        if not self.is_live(caller):
            self.refused("TOKEN_REVOKED", work)
            return
        assert self.run(work) == sum(not one.ended for one in sessions)
        for one in sessions:
            one.ended = True

    @invariant()
    def owners_see_what_is_live(self) -> None:
        for account in self.people:
            live = sorted(
                (one for one in account.sessions if self.is_live(one)),
                key=lambda one: (one.last_seen_at, one.session_id),
                reverse=True,
            )
            listed = self.run(PostgresOwnSessions(self.pool).live(account.user_id, self.clock.now(), 50))
            assert [one.session_id for one in listed] == [one.session_id for one in live]

    @invariant()
    def every_service_refuses_what_ended_and_nothing_else(self) -> None:
        assert self.run(self.list.refresh())
        ended = {one.session_id for account in self.people for one in account.sessions if one.ended}
        epochs = {account.user_id: account.epoch for account in self.people}
        oldest_s = self.clock.now_ms() // 1000 - LIVES.access.total_seconds()
        self.tokens = [token for token in self.tokens if token.issued_at_s > oldest_s]
        for token in self.tokens:
            try:
                self.list.check(token)
                good = True
            except AppError:
                good = False
            assert good == (token.session_id not in ended and token.epoch >= epochs[token.user_id])

    def teardown(self) -> None:
        ended = sum(one.ended for account in self.people for one in account.sessions)
        count = "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL AND user_id = ANY($1)"
        assert self.run(self.pool.fetchval(count, [account.user_id for account in self.people])) == ended
        self.run(self.pool.close())
        self.loop.close()


def test_sessions_do_what_the_model_does(auth_database: str) -> None:
    machine = type("BoundSessionMachine", (SessionMachine,), {"url": auth_database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=35, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
