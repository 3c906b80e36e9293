"""Threads that scroll through home feeds all the time, and hold every page against what may be in it."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dev.scratch_platform import GraphQLError
from tests.e2e.faults.ledger import Ledger
from tests.e2e.faults.writers import LATER, number_of
from tests.e2e.people import FEED, Person

MODES = ("RANKED", "LATEST")
# One more than modes, so that each meets each.
PAGE_SIZES = (4, 8, 16)
PAGES = 5
PAUSE_S = 0.03


@dataclass
class Reader:
    """One person who reads in one thread, and what became of it. `authors` are the people who may be in the feed."""

    person: Person
    authors: frozenset[str]
    ledger: Ledger
    news_s: float  # how late the reader may learn of a deletion
    answered: int = 0  # whole answers
    degraded: int = 0  # answers that say so
    failed: int = 0  # refusals that say that it cannot be done now
    wrong: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unclear: Counter[str] = field(default_factory=Counter)  # refusals of any other kind
    answered_at: list[float] = field(default_factory=list)
    is_whole: dict[str, bool] = field(default_factory=dict)  # of each mode, the last answer

    def read(self, stop: threading.Event) -> None:
        """Scroll, in one mode and in the other, until `stop`."""
        self.answered_at.append(time.monotonic())
        for mode, size in zip(itertools.cycle(MODES), itertools.cycle(PAGE_SIZES), strict=False):
            if stop.is_set():
                break
            self._scroll(mode, size, stop)
        self.answered_at.append(time.monotonic())

    def longest_gap_s(self) -> float:
        """The longest time without an answer."""
        return max(later - earlier for earlier, later in itertools.pairwise(self.answered_at))

    def _scroll(self, mode: str, size: int, stop: threading.Event) -> None:
        after, shown = None, set[str]()
        for _ in range(PAGES):
            if stop.wait(PAUSE_S):
                return
            page = self._page(mode, size, after)
            if page is None:
                return
            for edge in page["edges"]:
                post = edge["node"]["post"]
                if post["id"] in shown:
                    self.repeated.append(f"{mode}: {post['body']}")
                shown.add(post["id"])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

    def _page(self, mode: str, size: int, after: str | None) -> dict[str, Any] | None:
        asked_at = time.monotonic()
        try:
            page: dict[str, Any] = self.person.asks(FEED, mode=mode, first=size, after=after)["homeFeed"]
        except GraphQLError as error:
            if set(error.codes) <= LATER:
                self.failed += 1
            else:
                self.unclear[str(error)[:300]] += 1
            return None
        except (OSError, ValueError) as error:
            self.unclear[type(error).__name__] += 1
            return None
        self.answered_at.append(time.monotonic())
        self.is_whole[mode] = not page["degraded"]
        self.degraded += page["degraded"]
        self.answered += not page["degraded"]
        for edge in page["edges"]:
            self._check(edge["node"]["post"], asked_at)
        return page

    def _check(self, post: dict[str, Any], asked_at: float) -> None:
        post_id, body = number_of(post["id"]), post["body"]
        if post["author"]["handle"] not in self.authors:
            self.wrong.append(f"a post of a stranger: {body}")
        if not body.endswith(post["author"]["handle"]):
            self.wrong.append(f"a post under another's name: {body}")
        if body in self.ledger.uncommitted:
            self.wrong.append(f"a post that was not committed: {body}")
        published = self.ledger.posts.get(post_id)
        if published is not None and published.body != body:
            self.wrong.append(f"a post with the text of another: {body}")
        if self.ledger.is_gone(post_id, asked_at - self.news_s):
            self.wrong.append(f"a deleted post: {body}")
