"""What becomes of a refresh token that is presented again."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.auth.domain.session import Replay, StoredRefreshToken, judge_replay, looks_like_refresh_token

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GRACE = timedelta(seconds=10)
USED = StoredRefreshToken(
    session_id=1,
    user_id=2,
    expires_at=NOW + timedelta(days=1),
    used_at=NOW - timedelta(seconds=5),
    session_expires_at=NOW + timedelta(days=10),
    session_ended_at=None,
)


@pytest.mark.parametrize(
    ("used_ago_s", "verdict"),
    [(-2, Replay.SAME_SUCCESSOR), (0, Replay.SAME_SUCCESSOR), (10, Replay.SAME_SUCCESSOR),
     (10.001, Replay.REVOKE_FAMILY), (86_400, Replay.REVOKE_FAMILY)],
)  # fmt: skip
def test_ten_seconds_tell_a_race_from_a_theft(used_ago_s: float, verdict: Replay) -> None:
    token = replace(USED, used_at=NOW - timedelta(seconds=used_ago_s))
    assert judge_replay(token, NOW, GRACE) is verdict


def test_nothing_comes_of_an_ended_or_expired_session() -> None:
    assert judge_replay(replace(USED, session_ended_at=NOW), NOW, GRACE) is Replay.REFUSE
    assert judge_replay(replace(USED, session_expires_at=NOW), NOW, GRACE) is Replay.REFUSE


def test_an_expired_unused_token_is_refused_without_revoking() -> None:
    assert judge_replay(replace(USED, used_at=None, expires_at=NOW), NOW, GRACE) is Replay.REFUSE


@pytest.mark.parametrize("text", ["", "short", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "\n", "ا" * 43])
def test_other_forms_are_no_refresh_tokens(text: str) -> None:
    assert not looks_like_refresh_token(text)


def test_a_token_has_the_form() -> None:
    assert looks_like_refresh_token(secrets.token_urlsafe(32))
