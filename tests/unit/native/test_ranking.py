"""The extension ranks exactly as the oracle does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daira_native import FeatureTable, RankSettings
from tests.oracles import feed as oracle
from tests.unit.native.candidates import NOW_MS, VIEWER, feeds
from tests.unit.native.rows import decimal, load, post_id, unpack_ids

WEIGHTS = st.just((35, 35, 15, 10, 40)) | st.tuples(*[st.integers(0, 100)] * 5)


@given(candidates=feeds(), weights=WEIGHTS)
@settings(max_examples=150, deadline=None)
def test_order_and_scores_are_those_of_the_oracle(
    candidates: list[oracle.Candidate], weights: tuple[int, int, int, int, int]
) -> None:
    table = FeatureTable(RankSettings(weights=weights))
    load(table, VIEWER, candidates)
    ids = [post.post_id for post in candidates]
    ranked = table.rank(VIEWER, decimal(ids), [], NOW_MS, ceiling_id=oracle.MAX_ID, limit=4096)
    expected = oracle.rank(candidates, NOW_MS, oracle.Settings(*weights))

    assert unpack_ids(ranked.ids) == [post.post_id for post in expected]
    for (ranked_id, *terms), post in zip(ranked.terms(0, len(ids)), expected, strict=True):
        units = (post.affinity, post.quality, post.freshness, post.diversity, post.negative)
        assert ranked_id == post.post_id
        assert terms[:5] == pytest.approx([unit / oracle.UNITS for unit in units], abs=1e-8)
        assert terms[5] == pytest.approx(post.score / 1e11, abs=1e-6)


@given(candidates=feeds(), limit=st.integers(1, 50), cap=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_the_newest_are_ranked_and_the_first_returned(candidates: list[oracle.Candidate], limit: int, cap: int) -> None:
    table = FeatureTable(RankSettings())
    load(table, VIEWER, candidates)
    newest = sorted(candidates, key=lambda post: -post.post_id)
    # Posts come from both sources: the inbox holds every other one, the author indexes all.
    in_inbox = {post.post_id for post in candidates[::2]}
    authors = sorted({post.author_id for post in candidates})
    ranked = table.rank(
        VIEWER, decimal(in_inbox), authors, NOW_MS, ceiling_id=oracle.MAX_ID, candidate_cap=cap, limit=limit
    )

    expected = [post.post_id for post in oracle.rank(newest[:cap], NOW_MS)]
    own = {post.post_id for post in candidates if post.own}
    assert unpack_ids(ranked.ids) == unpack_ids(ranked.originals) == expected[:limit]
    assert list(ranked.sources) == [2 + (one in in_inbox) + 4 * (one in own) for one in expected[:limit]]
    assert len(ranked) == len(expected[:limit])
    assert ranked.candidates == ranked.seen_from == len(expected)
    assert ranked.window_floor == (newest[cap - 1].post_id if len(newest) > cap else 0)
    assert ranked.newest_id == max((post.post_id for post in candidates), default=0)


def test_never_a_third_in_a_row_while_another_waits() -> None:
    popular = [oracle.Candidate(post_id(NOW_MS, low), 11, 0, likes=1_000_000) for low in range(6)]
    table = FeatureTable(RankSettings())
    load(table, VIEWER, [*popular, oracle.Candidate(post_id(NOW_MS, 9), 12, 0)])
    ranked = table.rank(VIEWER, [], [11, 12], NOW_MS, ceiling_id=oracle.MAX_ID, limit=10)
    assert table.authors_of(unpack_ids(ranked.ids)) == [11, 11, 12, 11, 11, 11, 11]


def test_terms_are_paged() -> None:
    table = FeatureTable(RankSettings())
    load(table, VIEWER, [oracle.Candidate(post_id(NOW_MS, low), 11, 0) for low in range(5)])
    ranked = table.rank(VIEWER, [], [11], NOW_MS, ceiling_id=oracle.MAX_ID, limit=5)
    assert ranked.terms(1, 2) == ranked.terms(0, 5)[1:3]
    assert ranked.terms(4, 10) == ranked.terms(0, 5)[4:]
    assert ranked.terms(5, 1) == []


def test_every_stage_is_timed() -> None:
    table = FeatureTable(RankSettings())
    load(table, VIEWER, [oracle.Candidate(post_id(NOW_MS, low), 11, 0) for low in range(500)])
    ranked = table.rank(VIEWER, [], [11], NOW_MS, ceiling_id=oracle.MAX_ID, limit=500)
    assert set(ranked.nanoseconds) == {"merge", "filter", "features", "score", "diversify"}
    assert all(spent > 0 for spent in ranked.nanoseconds.values())
