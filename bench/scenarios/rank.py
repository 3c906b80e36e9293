"""Ranking 2,200 candidates in the process: beside the plain-Python oracle, NumPy, and copying as much memory."""

from __future__ import annotations

import heapq
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from bench.community import HotPosts, hot_posts
from bench.peers import numpy_ranker
from bench.results import Measurement, measured, percentile
from tests.oracles import feed as oracle

POSTS = 200_000
AUTHORS = 4000
CANDIDATES = 2200
INBOX = 1400
FAN_IN_AUTHORS = 40
BYTES_A_CANDIDATE = 64
ROUNDS = 5
CALLS = 1000
WARM_UP = 50
NUMPY_CALLS = 20
COPIES = 2000


def run() -> list[Measurement]:
    """Five rounds of each in turn; the oracle once. The three orders must be equal before anything is timed."""
    hot = hot_posts(POSTS, AUTHORS)
    inbox, authors, newest = sources(hot)

    def ours() -> bytes:
        return hot.table.rank(
            hot.viewer,
            inbox,
            authors,
            hot.now_ms,
            ceiling_id=oracle.MAX_ID,
            candidate_cap=CANDIDATES,
            limit=CANDIDATES,
        ).ids

    columns, runs = numpy_columns(hot), numpy_sources(hot, inbox, authors)

    def theirs() -> numpy_ranker.Ids:
        return numpy_ranker.rank(columns, runs, hot.now_ms, cap=CANDIDATES)[0]

    plain = [candidate(hot, at) for at in newest]
    before = time.perf_counter()
    by_oracle = [post.post_id for post in oracle.rank(plain, hot.now_ms)]
    oracle_ms = (time.perf_counter() - before) * 1000
    check_equal(np.frombuffer(ours(), "<i8").tolist(), by_oracle, "the extension")
    check_equal(theirs().tolist(), by_oracle, "NumPy")
    return timed(ours, theirs, oracle_ms)


def timed(ours: Callable[[], object], theirs: Callable[[], object], oracle_ms: float) -> list[Measurement]:
    """The figures of some rounds of each."""
    buffer, target = bytes(CANDIDATES * BYTES_A_CANDIDATE), bytearray(CANDIDATES * BYTES_A_CANDIDATE)

    def copy() -> None:
        target[:] = buffer

    p50s, p99s, cpu_p99s, numpy_ms, copy_ms = [], [], [], [], []
    milliseconds(ours, WARM_UP)
    for _ in range(ROUNDS):
        cpu_p99s.append(percentile(milliseconds(ours, CALLS, time.thread_time_ns), 99))
        latencies = milliseconds(ours, CALLS)
        p50s.append(percentile(latencies, 50))
        p99s.append(percentile(latencies, 99))
        numpy_ms.append(statistics.median(milliseconds(theirs, NUMPY_CALLS)))
        copy_ms.append(statistics.median(milliseconds(copy, COPIES)))
    middle = statistics.median(numpy_ms)
    return [
        measured("rank.2200.p50_ms", p50s, middle),
        measured("rank.2200.p99_ms", p99s),
        measured("rank.2200.cpu_p99_ms", cpu_p99s),
        measured("rank.2200.vs_oracle_ratio", [oracle_ms / one for one in p50s], oracle_ms),
        measured("rank.2200.vs_numpy_ratio", [one / p50 for one, p50 in zip(numpy_ms, p50s, strict=True)], middle),
        measured(
            "rank.2200.vs_memory_copy_ratio",
            [p50 / one for one, p50 in zip(copy_ms, p50s, strict=True)],
            statistics.median(copy_ms),
        ),
    ]


def milliseconds(
    call: Callable[[], object], times: int, clock: Callable[[], int] = time.perf_counter_ns
) -> list[float]:
    """How long each of some calls takes by a clock of nanoseconds."""
    taken = []
    for _ in range(times):
        before = clock()
        call()
        taken.append((clock() - before) / 1e6)
    return taken


def sources(hot: HotPosts) -> tuple[list[bytes], list[int], list[int]]:
    """An inbox as Redis gives it, authors merged at read, and the positions of the newest candidates of both."""
    authors = sorted(hot.followers, key=lambda one: -hot.followers[one])[:FAN_IN_AUTHORS]
    merged = set(authors)
    of_inbox = [at for at in range(len(hot.post_ids) - 1, -1, -1) if hot.authors[at] not in merged][:INBOX]
    of_authors = [at for at in range(len(hot.post_ids)) if hot.authors[at] in merged]
    newest = heapq.nlargest(CANDIDATES, {*of_inbox, *of_authors}, key=hot.post_ids.__getitem__)
    if len(newest) < CANDIDATES:
        raise ValueError(f"only {len(newest)} candidates")
    return [str(hot.post_ids[at]).encode() for at in of_inbox], authors, newest


def candidate(hot: HotPosts, at: int) -> oracle.Candidate:
    """A post as the oracle sees it."""
    author = hot.authors[at]
    return oracle.Candidate(
        post_id=hot.post_ids[at],
        author_id=author,
        kind=hot.kinds[at],
        likes=hot.likes[at],
        reposts=hot.reposts[at],
        opens=hot.opens[at],
        impressions=hot.impressions[at],
        report_trust=hot.report_trust[at],
        spam=hot.spams[at],
        own=author == hot.viewer,
        weight=hot.affinities.get(author, 0.0),
        as_of_ms=hot.now_ms,
    )


def numpy_columns(hot: HotPosts) -> numpy_ranker.Columns:
    """All hot posts as columns sorted by id, features of this viewer joined already: a gift to NumPy."""
    order = np.argsort(np.array(hot.post_ids, np.int64))
    authors = np.array(hot.authors, np.int64)[order]
    return numpy_ranker.Columns(
        ids=np.array(hot.post_ids, np.int64)[order],
        author_ids=authors,
        kinds=np.frombuffer(hot.kinds, np.uint8).astype(np.int64)[order],
        likes=np.array(hot.likes, np.float64)[order],
        reposts=np.array(hot.reposts, np.float64)[order],
        opens=np.array(hot.opens, np.float64)[order],
        impressions=np.array(hot.impressions, np.float64)[order],
        report_trust=np.array(hot.report_trust, np.float64)[order],
        spams=np.frombuffer(hot.spams, np.uint8).astype(np.float64)[order],
        own=authors == hot.viewer,
        weights=np.array([hot.affinities.get(one, 0.0) for one in authors.tolist()]),
        as_of_ms=np.full(len(order), float(hot.now_ms)),
    )


def numpy_sources(hot: HotPosts, inbox: Sequence[bytes], authors: Sequence[int]) -> list[numpy_ranker.Ids]:
    """The same sources as arrays, parsed already."""
    merged = set(authors)
    of_authors = [one for one, author in zip(hot.post_ids, hot.authors, strict=True) if author in merged]
    return [np.array([int(one) for one in inbox], np.int64), np.array(of_authors, np.int64)]


def check_equal(order: list[int], expected: list[int], who: str) -> None:
    """ValueError when an order is not the oracle's."""
    if order != expected:
        raise ValueError(f"{who} ranks in another order than the oracle")
