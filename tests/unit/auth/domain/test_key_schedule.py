"""Keys are published before they sign and withdrawn only after their last token has died."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.key_schedule import KeyChange, KeySchedule, SigningKey

START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEDULE = KeySchedule()
LONGEST_TOKEN = timedelta(minutes=15)


def key(kid: str, active_from: datetime) -> SigningKey:
    return SigningKey(kid, "public", b"private", active_from)


def test_the_first_key_signs_at_once_and_has_a_follower() -> None:
    assert SCHEDULE.next_start([], START) == START
    assert SCHEDULE.next_start([START], START) == START + SCHEDULE.period
    assert SCHEDULE.next_start([START, START + SCHEDULE.period], START) is None


def test_after_a_long_sleep_the_next_key_is_still_published_before_it_signs() -> None:
    late = START + timedelta(days=400)
    assert SCHEDULE.next_start([START, START + SCHEDULE.period], late) == late + SCHEDULE.publish_ahead


def test_a_year_of_rotation_never_uses_an_unpublished_key() -> None:
    keys: list[SigningKey] = []
    published_since: dict[str, datetime] = {}
    now = START
    signed_until: dict[str, datetime] = {}
    while now < START + timedelta(days=365):
        while (start := SCHEDULE.next_start([each.active_from for each in keys], now)) is not None:
            keys.append(key(f"k{len(keys)}", start))
        published = [each.kid for each in SCHEDULE.published(keys, now)]
        for kid in published:
            published_since.setdefault(kid, now)
        signing = SCHEDULE.signing(keys, now).kid
        assert signing in published
        if len(signed_until) > 0 and signing not in signed_until:
            assert now - published_since[signing] >= SCHEDULE.publish_ahead
        signed_until[signing] = now + LONGEST_TOKEN
        # Whatever may still be alive can still be verified.
        assert all(kid in published for kid, until in signed_until.items() if until > now)
        assert 2 <= len(published) <= 3
        now += timedelta(minutes=10)
    assert len(signed_until) == 13


def test_a_clock_slightly_behind_still_signs() -> None:
    keys = [key("first", START), key("next", START + SCHEDULE.period)]
    assert SCHEDULE.signing(keys, START - timedelta(seconds=3)).kid == "first"


def test_no_key_shows_its_private_half() -> None:
    assert "private" not in repr(key("k", START)).replace("private=", "")


def two_keys() -> list[SigningKey]:
    return [key("first", START), key("next", START + SCHEDULE.period)]


def test_a_rotation_gives_everybody_notice() -> None:
    now = START + timedelta(days=3)
    assert SCHEDULE.rotation(two_keys(), now) == KeyChange(starts=("next", now + SCHEDULE.notice))
    late = START + SCHEDULE.period - SCHEDULE.notice
    assert SCHEDULE.rotation(two_keys(), late) is None
    assert SCHEDULE.rotation([key("first", START)], now) is None


def test_the_next_key_signs_at_once_when_the_one_that_signs_is_revoked() -> None:
    now = START + timedelta(days=3)
    assert SCHEDULE.revocation(two_keys(), "first", now) == KeyChange(("first", now), ("next", now))
    assert SCHEDULE.revocation(two_keys(), "next", now) == KeyChange(("next", now))
    assert SCHEDULE.revocation(two_keys(), "unknown", now) is None
    assert SCHEDULE.revocation([replace(key("first", START), revoked_at=now)], "first", now) is None
    assert SCHEDULE.revocation([key("first", START)], "first", now) == KeyChange(("first", now))


def test_a_key_that_was_revoked_before_it_began_leaves_no_gap() -> None:
    keys = [key("first", START), replace(key("gone", START + timedelta(days=1)), revoked_at=START), *two_keys()[1:]]
    later = START + timedelta(days=2)
    assert SCHEDULE.signing(keys, later).kid == "first"
    assert [each.kid for each in SCHEDULE.published(keys, later)] == ["first", "next"]


def test_an_older_key_never_signs_again() -> None:
    """Also where the clock is behind that of the operator who revoked the newest."""
    now = START + SCHEDULE.period + timedelta(days=3)
    keys = [
        key("old", START),
        replace(key("leaked", START + SCHEDULE.period), revoked_at=now),
        key("next", now + timedelta(seconds=2)),
    ]
    assert SCHEDULE.signing(keys, now).kid == "next"
    assert [each.kid for each in SCHEDULE.published(keys, now)] == ["next"]
    with pytest.raises(ValueError, match=r"."):
        SCHEDULE.signing(keys[:2], now)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 40 * 86_400)),
        st.tuples(st.just("rotate"), st.just(0)),
        st.tuples(st.just("revoke"), st.integers(0, 3)),
    ),
    max_size=30,
)


@given(OPERATIONS)
def test_whatever_operators_do_there_is_one_good_key_that_signs_and_one_that_follows(
    operations: list[tuple[str, int]],
) -> None:
    keys: list[SigningKey] = []
    now = START
    last = (START, "")
    for verb, number in [("wait", 0), *operations]:
        change = None
        if verb == "wait":
            now += timedelta(seconds=number)
        elif verb == "rotate":
            change = SCHEDULE.rotation(keys, now)
        else:
            good = [each.kid for each in reversed(keys) if not each.is_revoked]
            change = SCHEDULE.revocation(keys, good[number % len(good)], now)
            assert change is not None
        if change is not None:
            starts = dict([change.starts] if change.starts else [])
            revoked = dict([change.revoked] if change.revoked else [])
            keys = [
                replace(
                    each,
                    revoked_at=revoked.get(each.kid, each.revoked_at),
                    active_from=starts.get(each.kid, each.active_from),
                )
                for each in keys
            ]
        while (
            start := SCHEDULE.next_start([each.active_from for each in keys if not each.is_revoked], now)
        ) is not None:
            keys.append(key(f"k{len(keys):03}", start))
        signing, published = SCHEDULE.signing(keys, now), SCHEDULE.published(keys, now)
        assert signing in published
        assert not any(each.is_revoked for each in published)
        assert any(each.active_from > signing.active_from for each in published)
        # Nothing goes back, whatever was revoked.
        assert (signing.active_from, signing.kid) >= last or signing.active_from == now
        last = (signing.active_from, signing.kid)
