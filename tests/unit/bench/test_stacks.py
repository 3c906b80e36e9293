"""Sampled stacks: waits left out, each sample to the innermost part."""

from __future__ import annotations

from bench.stacks import REST, Profile, read_stacks

MAIN = "<module> (services/social/__main__.py:10);run (asyncio/runners.py:118)"
RAW = f"""{MAIN};epoll_wait (libc.so.6) 50
{MAIN};answer (services/chassis/interceptors/logging.py:30);msg (structlog/_output.py:9);write (libc.so.6) 3
{MAIN};page (services/social/application/feed/home_feed.py:47);send (redis/asyncio/connection.py:1);write (libc.so.6) 5
{MAIN};page (services/social/application/feed/home_feed.py:48);replace (dataclasses.py:3) 2
sleep (elsewhere.py:1) 1
"""


def test_shares_are_of_the_time_that_is_no_wait() -> None:
    profile = Profile.of(read_stacks(RAW))
    assert profile.busy == 11
    assert profile.parts == [("Redis client", 5), ("logging", 3), ("use cases and adapters", 2), (REST, 1)]
    assert profile.kernel == [("write of Redis client", 5), ("write of logging", 3)]


def test_functions_are_counted_by_themselves_and_with_what_they_call() -> None:
    profile = Profile.of(read_stacks(RAW))
    assert dict(profile.own)["write (libc.so.6)"] == 8
    assert dict(profile.inclusive)["page (services/social/application/feed/home_feed.py)"] == 7
