"""Faults of the feed on real processes and stores, under load: nothing acknowledged is lost, nothing is shown twice."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import astuple, dataclass
from importlib.util import find_spec

import pytest

from tests.e2e.faults import inflicting, written_by_hand
from tests.e2e.faults.comparing import unequal_feeds
from tests.e2e.faults.load import Load, load_of
from tests.e2e.faults.platform import REPLICAS, WORKERS
from tests.e2e.faults.report import FAULT_ROW, Row
from tests.e2e.faults.site import Site
from tests.e2e.history import recorded_events
from tests.oracles import feed as oracle

# How long each fault lasts; hours find more than the seconds that a suite can spare.
SECONDS = float(os.environ.get("FAULT_SECONDS", "3"))
SETTLES_S = 60.0
# All the time that the gateway gives a request.
REQUEST_S = 5.0
# Longer runs outlive the access tokens that people sign up with.
SHORT_S = 5.0
# Events take some milliseconds, and a moment more on a machine that is busy.
NEWS_S = 2.0
# A process that is started anew imports, fills its table and says that it is ready.
START_S = 20.0
# Where scrolls are kept in Redis, one that is lost is ranked anew and may show a post twice.
KEPT_IN_REDIS = find_spec("services.social.adapters.redis_feed_sessions") is not None
REDIS, POSTGRES = ("redis",), ("postgres",)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240 + 3 * SECONDS)]


@dataclass(frozen=True)
class Fault:
    """A fault, and what the design allows a reader to notice of it. Everything else that a reader notices is wrong."""

    name: str
    inflict: Callable[[Site, float], None]
    degrades: bool = False  # answers may say that a store was away
    surely_degrades: bool = False  # and some must
    fails: bool = False  # reads may be refused as what can be tried again
    flips: bool = True  # meanwhile an author crosses the border of fan-in
    hangs_up: float = 0.0  # the share of writes whose reply never comes
    kills: Collection[str] = ()  # the processes that die of it; no other may
    delays: bool = True  # what one replica does, another learns only when the fault is over
    forgets: bool = False  # what one replica tells another by Redis about somebody's own writes is lost

    @property
    def news_s(self) -> float:
        """How late a reader may be told of what somebody else did."""
        return NEWS_S + (SECONDS if self.delays else 0.0)

    @property
    def longest_gap_s(self) -> float:
        """How long a reader may be without any answer."""
        return SECONDS + START_S if self.fails else REQUEST_S


FAULTS = [
    Fault("none", inflicting.nothing, delays=False),
    Fault("Redis killed", inflicting.redis_killed, degrades=True, surely_degrades=True, kills=REDIS, forgets=True),
    Fault("Redis flushed", inflicting.redis_flushed, degrades=True, forgets=True),
    Fault(
        "Redis replaced by an empty one",
        inflicting.redis_replaced_by_an_empty_one,
        degrades=True,
        kills=REDIS,
        forgets=True,
    ),
    Fault("Redis set back some seconds", inflicting.redis_back_in_time, degrades=True, kills=REDIS, forgets=True),
    Fault("Redis frozen", inflicting.redis_frozen, degrades=True, surely_degrades=True, forgets=True),
    Fault("Redis full", inflicting.redis_full, degrades=True, forgets=True),
    Fault("one social of two killed", inflicting.one_social_killed, fails=True, kills=REPLICAS[:1]),
    Fault("one social of two frozen", inflicting.one_social_frozen, fails=True),
    Fault("both social killed", inflicting.all_social_killed, fails=True, kills=REPLICAS),
    Fault("both social frozen", inflicting.all_social_frozen, fails=True),
    Fault(
        "auth and analytics killed",
        inflicting.auth_and_analytics_killed,
        kills=inflicting.BYSTANDERS,
        delays=False,
    ),
    Fault("relay, fan-out killed each 100 ms", inflicting.relay_and_fan_out_killed, kills=WORKERS[:2]),
    Fault("projector killed each 100 ms", inflicting.projector_killed, kills=WORKERS[2:], delays=False),
    Fault("workers doubled, fan-out rewound", written_by_hand.delivered_again, kills=WORKERS, delays=False),
    # An inbox that is forgotten cannot be built anew without Postgres: nobody crosses the border meanwhile.
    Fault("Postgres stopped at once", inflicting.postgres_stopped, degrades=True, flips=False, kills=POSTGRES),
    Fault("Postgres frozen", inflicting.postgres_frozen, degrades=True, flips=False),
    Fault("Postgres cuts connections", inflicting.postgres_connections_cut, degrades=True),
    Fault("Postgres read-only", inflicting.postgres_read_only, degrades=True),
    Fault("posts locked", inflicting.posts_locked, degrades=True),
    Fault("commits come late, or never", written_by_hand.commits_late),
    Fault("the clock steps back and ahead", written_by_hand.clock_steps, delays=False),
    Fault("poison in the event log", written_by_hand.poison_events),
    Fault("replies that never come", inflicting.nothing, hangs_up=0.7, delays=False),
    Fault(
        "everything killed at once",
        inflicting.everything_killed,
        degrades=True,
        fails=True,
        kills=(*REDIS, *POSTGRES, *REPLICAS, *WORKERS),
        forgets=True,
    ),
]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """What the faults so far have done; printed when all tests are over."""
    return []


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site.opened(sys.executable) as site:
        yield site


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.name))
def test_fault(site: Site, rows: list[Row], record_property: Callable[[str, object], None], fault: Fault) -> None:
    broken = [row.fault for row in rows if not row.is_good]
    if broken:
        pytest.skip(f"the platform has not got over this: {broken[0]}")
    if SECONDS > SHORT_S:
        for person in (*site.people, *site.fans):
            person.renews()
    load = load_of(site, seed=len(rows), news_s=fault.news_s, flips=fault.flips, hangs_up=fault.hangs_up)
    before = site.ledger.acknowledged
    lived = site.living()
    with load.during():
        fault.inflict(site, SECONDS)
    died = {name for name, pids in site.living().items() if pids != lived.get(name)}
    asyncio.run(site.platform.settle(SETTLES_S))
    state = oracle.replay(asyncio.run(recorded_events(site.platform.endpoints["SOCIAL_DATABASE_URL"])))
    lost = site.ledger.wrongs(state)
    unequal = unequal_feeds(state, site.people, site.addresses)
    acknowledged = site.ledger.acknowledged - before
    row = load.row(len(rows), fault.name, acknowledged, lost=len(lost), equal=not unequal)
    rows.append(row)
    record_property(FAULT_ROW, astuple(row))
    assert not lost
    assert not unequal
    assert not load.wrong()
    assert KEPT_IN_REDIS or not load.repeated()
    assert KEPT_IN_REDIS or fault.forgets or not load.missed()
    assert died <= set(fault.kills), f"processes died of what is not theirs to die of\n{site.tracebacks()}"
    notices_only_what_is_allowed(fault, row, load, site.tracebacks())


def notices_only_what_is_allowed(fault: Fault, row: Row, load: Load, log: str) -> None:
    """What readers and writers went through is what the design allows for this fault."""
    assert row.acknowledged > 0
    assert row.answered + row.degraded > 0
    assert not load.troubles(), f"a refusal that tells nobody whether to try again\n{log}"
    assert fault.fails or not row.failed, "reads were refused"
    assert fault.degrades or not row.degraded, "answers said that a store was away"
    assert not fault.surely_degrades or row.degraded, "no answer said that a store was away"
    assert row.gap_s < fault.longest_gap_s, "a reader was left waiting"
