"""Keys are published before they sign and withdrawn only after their last token has died."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.auth.domain.key_schedule import KeySchedule, SigningKey

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
