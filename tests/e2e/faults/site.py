"""Where faults happen: the platform, the people on it, and the handles by which its processes are hurt."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psutil
import redis

from dev.ports import LOOPBACK, free_port
from dev.scratch_platform import ScratchPlatform
from tests.e2e.faults.ledger import Ledger
from tests.e2e.faults.platform import FAN_IN_THRESHOLD, SECOND_PORT, WORKERS
from tests.e2e.faults.writers import number_of
from tests.e2e.people import Person

COMMAND = ("-m", "tests.e2e.faults.platform")
COMES_BACK_S = 30.0
STEP_S = 0.02


@dataclass(frozen=True)
class Site:
    """A running platform with its people. The first author has followers up to the border of fan-in."""

    platform: ScratchPlatform
    addresses: Sequence[str]
    authors: Sequence[Person]
    readers: Sequence[Person]
    fans: Sequence[Person]
    ledger: Ledger = field(default_factory=Ledger)

    @classmethod
    @contextlib.contextmanager
    def opened(cls, interpreter: str) -> Iterator[Site]:
        """A site with nothing written yet; everybody follows every author, the fans only the first."""
        port = free_port()
        command = (interpreter, *COMMAND)
        with ScratchPlatform.started(demo=False, settings={SECOND_PORT: str(port)}, command=command) as platform:
            names = ("nour", "omar", "hoda", "reads", "skims", *(f"fan{n}" for n in range(FAN_IN_THRESHOLD - 3)))
            with ThreadPoolExecutor(4) as pool:
                people = list(pool.map(lambda name: Person.signs_up(platform, name), names))
            addresses = (platform.endpoints["SOCIAL_ADDRESS"], f"{LOOPBACK}:{port}")
            site = cls(platform, addresses, people[:3], people[3:5], people[5:])
            site.follow_one_another()
            yield site

    def follow_one_another(self) -> None:
        """The follows that the load begins with."""
        follows = [(follower, author) for follower in self.people for author in self.authors if follower is not author]
        for follower, author in (*follows, *((fan, self.authors[0]) for fan in self.fans)):
            follower.does("follow", "profile { id }", userId=author.user_id)
            self.ledger.linked(self.ledger.follows, (number_of(follower.user_id), number_of(author.user_id)), True)

    @property
    def people(self) -> Sequence[Person]:
        """Whose feeds are compared."""
        return (*self.readers, *self.authors)

    def tracebacks(self) -> str:
        """The last errors in the log of all processes, for a test that failed."""
        lines = self.platform.log.read_text("utf-8", errors="replace").splitlines()
        raised = [at for at, line in enumerate(lines) if "Error: " in line and "| " in line and "File" in lines[at - 1]]
        return "\n".join(line for at in raised[-3:] for line in lines[max(0, at - 12) : at + 1])

    def redis(self) -> redis.Redis:
        """A client of the platform's Redis."""
        return redis.Redis.from_url(self.platform.endpoints["REDIS_URL"], socket_timeout=5)

    def lives(self, worker: str) -> list[psutil.Process]:
        """The worker's own processes: the one that works, and twins."""
        with contextlib.suppress(LookupError, psutil.Error):
            return psutil.Process(self.platform.pid(worker)).children()
        return []

    def living(self) -> dict[str, frozenset[int]]:
        """The process ids of everything that runs, by name; of a worker, those that work."""
        return {
            name: frozenset(life.pid for life in self.lives(name)) if name in WORKERS else frozenset((pid,))
            for name, pid in self.platform.pids().items()
        }

    def kill_lives(self, worker: str) -> None:
        """SIGKILL to whichever of the worker's processes live now."""
        for life in self.lives(worker):
            with contextlib.suppress(psutil.Error):
                life.kill()

    def end_again_and_again(self, store: str, number: signal.Signals, seconds: float) -> None:
        """Send the signal to a store whenever it is up, for some seconds; afterwards it is up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Only what is written down as running: a store that dies while it starts ends the whole run.
            with contextlib.suppress(LookupError, ProcessLookupError):
                os.kill(self.platform.pid(store), number)
            time.sleep(STEP_S)
        self.until_up(store)

    def until_up(self, *names: str) -> None:
        """Wait until the supervisor has started them again."""
        wait_until(lambda: set(names) <= self.platform.pids().keys(), f"not all of {names} were started again")

    def with_children(self, name: str) -> list[psutil.Process]:
        """A process and all below it."""
        process = psutil.Process(self.platform.pid(name))
        return [process, *process.children(recursive=True)]


@contextlib.contextmanager
def frozen(processes: Iterable[psutil.Process]) -> Iterator[None]:
    """SIGSTOP while the block runs, then SIGCONT: a process that hangs, or a machine that does."""
    stopped = list(processes)
    try:
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in reversed(stopped):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def wait_until(condition: Callable[[], bool], otherwise: str, patience_s: float = COMES_BACK_S) -> None:
    """Poll; AssertionError with `otherwise` when it does not come true."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(STEP_S)
