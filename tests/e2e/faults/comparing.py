"""The one place where feeds as they are served are held against the oracle, recomputed from the event log."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import grpc

from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1 import feed_service_pb2_grpc as rpc
from tests.e2e.faults.writers import number_of
from tests.e2e.people import Person
from tests.oracles import feed as oracle

MODES: Mapping[str, pb.FeedMode.ValueType] = {"ranked": pb.FEED_MODE_RANKED, "latest": pb.FEED_MODE_LATEST}
PAGE = 100
CATCH_UP_S = 15.0


def expected_feed(state: oracle.State, tallies: oracle.Tallies, viewer_id: int, now_ms: int, mode: str) -> list[int]:
    """What a person must be shown, in order."""
    return oracle.home_feed(state, viewer_id, now_ms, "latest" if mode == "latest" else "ranked", tallies=tallies)


def unequal_feeds(state: oracle.State, people: Sequence[Person], addresses: Sequence[str]) -> list[str]:
    """The feeds that are not the oracle's, in words: each person's, in both modes, at each replica.

    A replica may be some events behind at first; what stays unequal for long is wrong.
    """
    tallies, deadline = oracle.tally(state), time.monotonic() + CATCH_UP_S
    told: list[str] = []
    for address in addresses:
        with grpc.insecure_channel(address, [("grpc.max_reconnect_backoff_ms", 200)]) as channel:
            feeds = rpc.FeedServiceStub(channel)
            for person in people:
                for mode in MODES:
                    difference = _difference(feeds, person, mode, state, tallies)
                    while difference and time.monotonic() < deadline:
                        time.sleep(0.1)
                        difference = _difference(feeds, person, mode, state, tallies)
                    told += [f"{mode} of {person.handle} at {address}: {difference}"] if difference else []
    return told


def _difference(
    feeds: rpc.FeedServiceStub, person: Person, mode: str, state: oracle.State, tallies: oracle.Tallies
) -> str:
    try:
        served, now_ms, degraded = _served(feeds, person, mode)
    except grpc.RpcError as error:
        # A replica that is being started again.
        return str(error)
    expected = expected_feed(state, tallies, number_of(person.user_id), now_ms, mode)
    if degraded:
        return "degraded"
    if served == expected:
        return ""
    first = next((at for at, pair in enumerate(zip(served, expected, strict=False)) if pair[0] != pair[1]), -1)
    lacks, more = set(expected) - set(served), set(served) - set(expected)
    return f"{len(served)} posts for {len(expected)}, unequal from place {first}; lacks {lacks}, has too many {more}"


def _served(feeds: rpc.FeedServiceStub, person: Person, mode: str) -> tuple[list[int], int, bool]:
    """A whole scroll: ids, the moment it was ranked for, and whether any page said that it was degraded."""
    ids: list[int] = []
    token, now_ms, degraded = "", 0, False
    while True:
        request = pb.GetHomeFeedRequest(mode=MODES[mode], page_size=PAGE, page_token=token)
        answer = feeds.GetHomeFeed(request, metadata=(("authorization", f"Bearer {person.token}"),), timeout=10)
        ids += [item.post.post_id for item in answer.items]
        now_ms, degraded = answer.ranked_at.ToMilliseconds(), degraded or answer.degraded
        token = answer.next_page_token
        if not token:
            return ids, now_ms, degraded
