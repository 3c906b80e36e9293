"""A signing key leaked: an operator revokes it on a running platform, and who has a refresh token notices nothing."""

from __future__ import annotations

import time

import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from tests.e2e.people import Person

READS = {
    "social": "{ homeFeed(first: 1) { degraded } }",
    "payments": "{ wallet { balance { piastres } } }",
    "analytics": "{ authorStats(days: 1) { total { posts } } }",
    "auth": "{ me { sessions { items { isCurrent } } } }",
}
# A minute is promised; a service that is asked all the time hears sooner.
PROMISED_S = 60.0


def codes(person: Person, query: str) -> list[str]:
    """The codes of the errors of a query; none when it is answered."""
    try:
        person.asks(query)
    except GraphQLError as error:
        return error.codes
    return []


def keys(platform: ScratchPlatform, *verb: str) -> dict[str, str]:
    """What each signing key is for, after `daira keys`."""
    answer = platform.daira("keys", *verb)
    return {line.split()[0]: line.split()[-1] for line in answer.stdout.splitlines()}


def test_a_revoked_key_is_refused_everywhere_within_a_minute(empty_platform: ScratchPlatform) -> None:
    mona = Person.signs_up(empty_platform, "mona")
    for query in READS.values():
        assert codes(mona, query) == []
    before = keys(empty_platform, "list")
    (leaked,) = [kid for kid, state in before.items() if state == "signs"]
    (successor,) = [kid for kid, state in before.items() if state == "comes"]
    after = keys(empty_platform, "revoke", leaked)
    assert (after[leaked], after[successor]) == ("revoked", "signs")
    revoked_at = time.monotonic()
    took: dict[str, float] = {}
    while set(took) != set(READS):
        assert time.monotonic() - revoked_at < PROMISED_S, took
        for name, query in READS.items():
            if name not in took and codes(mona, query) == ["UNAUTHENTICATED"]:
                took[name] = round(time.monotonic() - revoked_at, 1)
        time.sleep(0.2)
    print("seconds until refused:", took)  # noqa: T201 - shown by -s and when it fails
    # The session lives on: its next token is signed with the next key, which everybody knows already.
    mona.renews()
    for query in READS.values():
        assert codes(mona, query) == []
    with pytest.raises(RuntimeError, match="revoked already"):
        empty_platform.daira("keys", "revoke", leaked)
