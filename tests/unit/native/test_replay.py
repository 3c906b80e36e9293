"""A table fed by events serves the feed that the oracle computes from the same events."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daira_native import FeatureTable, RankedFeed
from tests.oracles import feed as oracle
from tests.oracles import seen as bloom
from tests.unit.native.candidates import NOW_MS
from tests.unit.native.histories import IDS, PEOPLE, histories, person, refilled, replayed
from tests.unit.native.rows import decimal, i64, unpack_ids

UNKNOWN = 17  # an id of an inbox that no table has heard of

some_ids = st.lists(st.sampled_from([*IDS, UNKNOWN]), max_size=20)
many_ids = st.permutations([*IDS, *IDS[::3], UNKNOWN]).flatmap(lambda ids: st.integers(0, 30).map(lambda n: ids[:n]))
borders = st.just(0) | st.just(0) | st.sampled_from(IDS)


@dataclass(frozen=True)
class Request:
    """What a feed is asked with."""

    viewer_id: int
    inbox: list[int]  # in any order, with repeats
    authors: list[int]
    floor_id: int
    ceiling_id: int
    cap: int

    def window(self, state: oracle.State) -> oracle.Window:
        """The oracle's hot window."""
        runs = oracle.sources(state, self.inbox, self.authors)
        return oracle.window(
            state, self.viewer_id, runs, floor_id=self.floor_id, ceiling_id=self.ceiling_id, cap=self.cap
        )

    def rank(
        self, table: FeatureTable, *, shown: list[int] | None = None, seen: bytes = b"", limit: int = 100
    ) -> RankedFeed:
        """The extension's feed."""
        return table.rank(
            self.viewer_id,
            decimal(self.inbox),
            self.authors,
            NOW_MS,
            floor_id=self.floor_id,
            ceiling_id=self.ceiling_id,
            shown=i64(shown or []),
            seen=seen,
            candidate_cap=self.cap,
            limit=limit,
        )


requests = st.builds(
    Request,
    viewer_id=person,
    inbox=some_ids | many_ids,
    authors=st.lists(person, unique=True) | st.permutations(PEOPLE),
    floor_id=borders,
    ceiling_id=st.just(oracle.MAX_ID) | st.sampled_from(IDS),
    cap=st.integers(1, 30) | st.just(30),
)


def check(ranked: RankedFeed, expected: oracle.Page, state: oracle.State) -> None:
    """Order, terms, tiers, borders and drops are those of the oracle."""
    ids = unpack_ids(ranked.ids)
    assert ids == [post.post_id for post in expected.ranked]
    assert unpack_ids(ranked.originals) == [state.posts[post_id].shown_id for post_id in ids]
    for (_, *terms), post in zip(ranked.terms(0, len(ids)), expected.ranked, strict=True):
        units = (post.affinity, post.quality, post.freshness, post.diversity, post.negative)
        # A unit more or less of affinity: the table adds interactions one by one, the oracle all at once.
        assert terms[:5] == pytest.approx([unit / oracle.UNITS for unit in units], abs=2e-9)
    assert (ranked.seen_from, ranked.candidates) == (expected.seen_from, expected.candidates)
    assert ranked.window_floor == expected.window.floor
    assert ranked.newest_id == max((post.post_id for post in expected.window.posts), default=0)
    assert {why: n for why, n in ranked.dropped.items() if n} == +expected.dropped


@given(history=histories(), request=requests, shown=some_ids, seen=some_ids, limit=st.integers(1, 30))
@settings(max_examples=250, deadline=None)
def test_feeds_are_those_of_the_oracle(
    history: list[oracle.Event], request: Request, shown: list[int], seen: list[int], limit: int
) -> None:
    table, state = replayed(history)
    shown = list(dict.fromkeys(shown))
    # Small on purpose: some ids are taken for seen wrongly, by both alike.
    filter_bytes = bloom.build(seen, 8)
    taken_for_seen = {post_id for post_id in IDS if bloom.contains(filter_bytes, post_id)}
    expected = oracle.page(
        state, request.viewer_id, NOW_MS, request.window(state), shown=shown, seen=taken_for_seen, limit=limit
    )
    check(request.rank(table, shown=shown, seen=filter_bytes, limit=limit), expected, state)


@given(history=histories(), request=requests, size=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_pages_of_a_scroll_are_the_whole_feed(history: list[oracle.Event], request: Request, size: int) -> None:
    table, _ = replayed(history)
    whole = unpack_ids(request.rank(table).ids)
    scrolled: list[int] = []
    while page := unpack_ids(request.rank(table, shown=scrolled, limit=size).ids):
        scrolled += page
    assert scrolled == whole


@given(history=histories(), request=requests, before_id=st.just(oracle.MAX_ID) | st.sampled_from(IDS))
@settings(max_examples=120, deadline=None)
def test_latest_is_the_same_window_newest_first(history: list[oracle.Event], request: Request, before_id: int) -> None:
    table, state = replayed(history)
    hot = request.window(state)
    latest = table.latest(
        request.viewer_id,
        decimal(request.inbox),
        request.authors,
        floor_id=request.floor_id,
        ceiling_id=request.ceiling_id,
        before_id=before_id,
        candidate_cap=request.cap,
        limit=7,
    )
    below = [post for post in hot.posts if post.post_id < before_id][:7]
    assert unpack_ids(latest.ids) == [post.post_id for post in below]
    assert unpack_ids(latest.originals) == [post.shown_id for post in below]
    assert (latest.window_floor, latest.candidates) == (hot.floor, len(hot.posts))
    assert {why: n for why, n in latest.dropped.items() if n} == hot.dropped
    assert latest.terms(0, 100) == []


@given(history=histories(), request=requests, newer_than=borders, limit=st.integers(1, 20))
@settings(max_examples=120, deadline=None)
def test_newer_posts_are_counted(history: list[oracle.Event], request: Request, newer_than: int, limit: int) -> None:
    table, state = replayed(history)
    runs = oracle.sources(state, request.inbox, request.authors)
    expected = oracle.count_newer(state, request.viewer_id, runs, newer_than=newer_than, limit=limit)
    inbox = decimal(request.inbox)
    assert table.count_newer(request.viewer_id, inbox, request.authors, newer_than=newer_than, limit=limit) == expected


@given(history=histories(), viewer=person, cap=st.integers(1, 14))
@settings(max_examples=60, deadline=None)
def test_home_feeds_start_with_the_window(history: list[oracle.Event], viewer: int, cap: int) -> None:
    table, state = replayed(history)
    followees = sorted({followee for follower, followee in state.follows if follower == viewer} - {viewer})
    request = Request(viewer, [], [*followees, viewer], 0, oracle.MAX_ID, cap)
    feed = oracle.home_feed(state, viewer, NOW_MS, "ranked", cap)
    originals = unpack_ids(request.rank(table).originals)
    assert originals == feed[: len(originals)]
    archive = feed[len(originals) :]
    assert all(post_id < request.window(state).floor for post_id in archive)
    assert originals or not archive


@given(history=histories())
@settings(max_examples=80, deadline=None)
def test_the_checksum_is_that_of_a_refilled_table(history: list[oracle.Event]) -> None:
    table, state = replayed(history)
    other = refilled(state)
    assert table.checksum() == other.checksum()
    stats, refilled_stats = table.stats(), other.stats()
    for counted in ("posts", "deleted", "affinities", "relations", "viewer_reports"):
        assert stats[counted] == refilled_stats[counted], counted


@given(history=histories(), viewer=person)
@settings(max_examples=40, deadline=None)
def test_what_the_archive_must_hide(history: list[oracle.Event], viewer: int) -> None:
    table, state = replayed(history)
    pairs = {(viewer, person) for person in PEOPLE}
    hidden = {
        other for _, other in pairs if (viewer, other) in state.blocks | state.mutes or (other, viewer) in state.blocks
    }
    assert sorted(table.hidden_authors(viewer)) == sorted(hidden)
    assert table.reported_posts(viewer) == sorted(post_id for post_id, person in state.reports if person == viewer)
