"""Positions survive their page tokens, and a token is good for its viewer and mode alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import AppError
from services.chassis.ids import MAX_ID, compose
from services.chassis.page_token import PageTokens
from services.social.application.feed.position import Mode, Position
from services.social.application.feed.select_posts import SHOWN_MAX
from services.social.rpc.feed_positions import FeedPositions

TOKENS = PageTokens(b"k" * 32)
POSITIONS = FeedPositions(TOKENS)
IDS = st.integers(1, MAX_ID)


@given(
    mode=st.sampled_from(list(Mode)),
    at=st.integers(0, 2**42),
    bounds=st.tuples(IDS, st.integers(0, MAX_ID), IDS),
    shown=st.lists(IDS, unique=True, max_size=60),
    skipped=st.lists(IDS, unique=True, max_size=10),
    in_archive=st.booleans(),
)
def test_a_position_comes_back(
    *, mode: Mode, at: int, bounds: tuple[int, int, int], shown: list[int], skipped: list[int], in_archive: bool
) -> None:
    position = Position(mode, at, *bounds, tuple(shown), tuple(skipped), in_archive)
    opened = POSITIONS.open(POSITIONS.seal(position, 7), 7, mode)
    # The order of what was shown matters for the last two only: no third of one author in a row.
    assert opened.shown[-2:] == position.shown[-2:]
    assert set(opened.shown) == set(position.shown)
    assert set(opened.skipped) == set(position.skipped)
    for name in ("mode", "ranked_at_ms", "ceiling", "floor", "before", "in_archive"):
        assert getattr(opened, name) == getattr(position, name)


@pytest.mark.parametrize(("days", "chars"), [(3, 6_500), (30, 7_500), (700, 11_000)])
def test_the_longest_scroll_fits(days: int, chars: int) -> None:
    chance = random.Random(1)
    span_ms, count = days * 86_400_000, 800 if days < 700 else SHOWN_MAX
    ids = [compose(1_780_000_000_000 - chance.randrange(span_ms), chance.randrange(1024), n) for n in range(count)]
    token = POSITIONS.seal(Position(Mode.RANKED, 1_780_000_000_000, max(ids), min(ids), MAX_ID, tuple(ids)), 7)
    assert len(token) < chars
    assert set(POSITIONS.open(token, 7, Mode.RANKED).shown) == set(ids)


@pytest.mark.parametrize(("viewer", "mode"), [(8, Mode.RANKED), (7, Mode.LATEST)])
def test_others_cannot_use_it(viewer: int, mode: Mode) -> None:
    token = POSITIONS.seal(Position(Mode.RANKED, 1, ceiling=5), 7)
    with pytest.raises(AppError) as refused:
        POSITIONS.open(token, viewer, mode)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize("payload", [b"", b"{}", b"\x09" + b"\0" * 40])
def test_tokens_of_other_releases_are_refused_and_not_misread(payload: bytes) -> None:
    with pytest.raises(AppError) as refused:
        POSITIONS.open(TOKENS.seal_bytes("GetHomeFeed", 7, payload), 7, Mode.RANKED)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"
