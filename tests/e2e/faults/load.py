"""Light load on a platform for as long as a fault lasts: writers and readers, and what became of what they did."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.e2e.faults.readers import Reader
from tests.e2e.faults.report import Row
from tests.e2e.faults.site import Site
from tests.e2e.faults.writers import Writer

RECOVERY_S = 30.0


@dataclass
class Load:
    """The people at work; `during` runs them."""

    writers: Sequence[Writer]
    readers: Sequence[Reader]
    errors: list[BaseException] = field(default_factory=list)
    recovered_s: float = 0.0

    @contextlib.contextmanager
    def during(self) -> Iterator[None]:
        """Work while the block runs; afterwards writers finish, and readers read until each feed is whole again."""
        rest, close = threading.Event(), threading.Event()
        writing = [self._thread(writer.work, rest) for writer in self.writers]
        reading = [self._thread(reader.read, close) for reader in self.readers]
        try:
            yield
        finally:
            rest.set()
            for thread in writing:
                thread.join()
            began = time.monotonic()
            for reader in self.readers:
                reader.is_whole.clear()
            while not self._all_whole() and time.monotonic() < began + RECOVERY_S and not self.errors:
                time.sleep(0.05)
            self.recovered_s = time.monotonic() - began
            close.set()
            for thread in reading:
                thread.join()
        if self.errors:
            raise self.errors[0]
        assert self._all_whole(), f"feeds were not whole again after {RECOVERY_S:.0f} s: {self.troubles()}"

    def troubles(self) -> Counter[str]:
        """Refusals that no caller could understand."""
        found: Counter[str] = Counter()
        for unclear in (*(writer.unclear for writer in self.writers), *(reader.unclear for reader in self.readers)):
            found.update(unclear)
        return found

    def wrong(self) -> list[str]:
        """What was shown and should not have been."""
        return [each for reader in self.readers for each in reader.wrong]

    def repeated(self) -> list[str]:
        """What was shown twice in one scroll."""
        return [each for reader in self.readers for each in reader.repeated]

    def missed(self) -> list[str]:
        """Own posts that were not in their author's next feed."""
        return [each for writer in self.writers for each in writer.own_posts_missed]

    def row(self, number: int, fault: str, acknowledged: int, *, lost: int, equal: bool) -> Row:
        """The row of the table for the fault."""
        return Row(
            number=number,
            fault=fault,
            acknowledged=acknowledged,
            answered=sum(reader.answered for reader in self.readers),
            degraded=sum(reader.degraded for reader in self.readers),
            failed=sum(reader.failed for reader in self.readers),
            gap_s=max(reader.longest_gap_s() for reader in self.readers),
            recovered_s=self.recovered_s,
            lost=lost,
            repeated=len(self.repeated()),
            missed=len(self.missed()),
            equal=equal,
        )

    def _all_whole(self) -> bool:
        return all(len(reader.is_whole) == 2 and all(reader.is_whole.values()) for reader in self.readers)

    def _thread(self, work: Callable[[threading.Event], None], until: threading.Event) -> threading.Thread:
        def run() -> None:
            try:
                work(until)
            except BaseException as error:  # noqa: BLE001 - raised where the load is waited for
                self.errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


def load_of(site: Site, *, seed: int, news_s: float, flips: bool = True, hangs_up: float = 0.0) -> Load:
    """Every author writes in a thread, the first one with fans, and every reader reads in one.

    News are at most `news_s` seconds late.
    """
    handles = frozenset(author.handle for author in site.authors)
    writers = [
        Writer(
            person=author,
            others=[other for other in site.authors if other is not author],
            fans=site.fans if author is site.authors[0] else (),
            ledger=site.ledger,
            chance=random.Random(f"{seed} {number}"),
            flips=flips,
            hangs_up=hangs_up,
        )
        for number, author in enumerate(site.authors)
    ]
    return Load(writers, [Reader(reader, handles, site.ledger, news_s) for reader in site.readers])
