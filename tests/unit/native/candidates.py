"""Hypothesis strategies for the candidates of a feed."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracles import feed as oracle
from tests.unit.native.rows import post_id

NOW_MS = oracle.EPOCH_MS + 80 * 86_400_000
VIEWER = 7
HOUR_MS = 3_600_000


@st.composite
def feeds(draw: st.DrawFn) -> list[oracle.Candidate]:
    """Posts of a few authors: close calls and ties are the point."""
    authors = {}
    for author_id in (VIEWER, 11, 12, 13, 14):
        weight = draw(st.sampled_from([0.0, 0.0, 1.0]) | st.floats(0.001, 60.0))
        authors[author_id] = (weight, NOW_MS - draw(st.integers(-HOUR_MS, 90 * 24 * HOUR_MS)))
    posts: dict[int, oracle.Candidate] = {}
    for low in range(draw(st.integers(0, 45))):
        author_id = draw(st.sampled_from(list(authors)))
        weight, as_of_ms = authors[author_id]
        age_ms = draw(st.sampled_from([0, 0, HOUR_MS]) | st.integers(-HOUR_MS, 60 * 24 * HOUR_MS))
        made = post_id(NOW_MS - age_ms, low)
        posts[made] = oracle.Candidate(
            post_id=made,
            author_id=author_id,
            kind=draw(st.sampled_from([0, 0, 1, 2, 255])),
            likes=draw(st.sampled_from([0, 0, 1, 40, 4_000_000_000])),
            reposts=draw(st.sampled_from([0, 0, 1, 9])),
            opens=draw(st.sampled_from([0, 0, 3, 900])),
            impressions=draw(st.sampled_from([0, 5, 5, 800, 4_000_000_000])),
            report_trust=draw(st.sampled_from([0, 0, 0, 35, 900])),
            spam=draw(st.sampled_from([0, 0, 0, 20, 100])),
            own=author_id == VIEWER,
            weight=weight,
            as_of_ms=as_of_ms,
        )
    return list(posts.values())
