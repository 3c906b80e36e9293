"""The NumPy baseline of the benchmarks gives the oracle's result, so that comparing with it is fair."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from bench.peers import numpy_ranker
from tests.oracles import feed as oracle
from tests.unit.native.candidates import NOW_MS, feeds


def columns(candidates: list[oracle.Candidate]) -> numpy_ranker.Columns:
    posts = sorted(candidates, key=lambda post: post.post_id)
    return numpy_ranker.Columns(
        ids=np.array([post.post_id for post in posts], np.int64),
        author_ids=np.array([post.author_id for post in posts], np.int64),
        kinds=np.array([post.kind for post in posts], np.int64),
        likes=np.array([post.likes for post in posts], np.float64),
        reposts=np.array([post.reposts for post in posts], np.float64),
        opens=np.array([post.opens for post in posts], np.float64),
        impressions=np.array([post.impressions for post in posts], np.float64),
        report_trust=np.array([post.report_trust for post in posts], np.float64),
        spams=np.array([post.spam for post in posts], np.float64),
        own=np.array([post.own for post in posts], np.bool_),
        weights=np.array([post.weight for post in posts], np.float64),
        as_of_ms=np.array([post.as_of_ms for post in posts], np.float64),
    )


@given(candidates=feeds())
@settings(max_examples=100, deadline=None)
def test_order_and_scores_are_those_of_the_oracle(candidates: list[oracle.Candidate]) -> None:
    table = columns(candidates)
    unknown = np.array([1, 2], np.int64)
    ids, scores = numpy_ranker.rank(table, [table.ids[::2], table.ids[1::2], table.ids[::3], unknown], NOW_MS, cap=800)
    expected = oracle.rank(candidates, NOW_MS)
    assert ids.tolist() == [post.post_id for post in expected]
    assert scores.tolist() == [post.score for post in expected]


@given(candidates=feeds())
@settings(max_examples=20, deadline=None)
def test_the_newest_are_kept(candidates: list[oracle.Candidate]) -> None:
    ids, _ = numpy_ranker.rank(columns(candidates), [columns(candidates).ids], NOW_MS, cap=5)
    newest = sorted(candidates, key=lambda post: -post.post_id)[:5]
    assert ids.tolist() == [post.post_id for post in oracle.rank(newest, NOW_MS)]
