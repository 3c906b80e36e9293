"""Records of one's own writes: each is taken in once, in order, and the same write made again is another record."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis.redis_client import RedisBreaker
from services.social.adapters.own_writes import LIFE_S, RECORDS_MAX, OwnWrites, key_of
from tests.fakes.clock import FixedClock

SARA, MONA = 1, 2


class Heard:
    """The table and the memories: keeps what they were told."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def blocked(self, blocker_id: int, blocked_id: int, *, on: bool) -> None:
        self.said.append(("blocked", blocker_id, blocked_id, on))

    def muted(self, muter_id: int, muted_id: int, *, on: bool) -> None:
        self.said.append(("muted", muter_id, muted_id, on))

    def went_private(self, author_id: int, *, on: bool) -> None:
        self.said.append(("private", author_id, on))

    def forget(self, viewer_id: int) -> None:
        self.said.append(("forget", viewer_id))


class Lists:
    """As much of Redis as the records need."""

    def __init__(self) -> None:
        self.lists: dict[str, list[bytes]] = {}
        self.lives: dict[str, int] = {}

    def pipeline(self, *, transaction: bool) -> Lists:
        assert not transaction
        return self

    def rpush(self, key: str, record: bytes) -> None:
        self.lists.setdefault(key, []).append(record)

    def ltrim(self, key: str, start: int, end: int) -> None:
        assert end == -1
        self.lists[key] = self.lists[key][start:]

    def expire(self, key: str, seconds: int) -> None:
        self.lives[key] = seconds

    async def execute(self) -> None:
        return None

    def of(self, viewer_id: int) -> list[bytes]:
        return self.lists.get(key_of(viewer_id), [])


@pytest.fixture
def redis() -> Lists:
    return Lists()


def replica(redis: Any) -> tuple[OwnWrites, Heard]:
    heard: Any = Heard()
    return OwnWrites(heard, heard, heard, heard, redis, RedisBreaker(FixedClock())), heard


async def test_a_write_is_here_at_once_and_elsewhere_with_the_next_read(redis: Lists) -> None:
    (here, heard), (there, heard_there) = replica(redis), replica(redis)
    await here.relation_changed(SARA, MONA, blocks=True)
    await here.muted_words_changed(SARA)
    assert heard.said == [("blocked", SARA, MONA, True), ("forget", SARA)]
    there.take_in(SARA, redis.of(SARA))
    assert heard_there.said == heard.said
    # The other one reads on a third replica.
    third, heard_third = replica(redis)
    third.take_in(MONA, redis.of(MONA))
    assert heard_third.said == [("blocked", SARA, MONA, True)]
    assert set(redis.lives.values()) == {LIFE_S}


async def test_what_was_taken_in_is_not_taken_in_again(redis: Lists) -> None:
    (here, _), (there, heard) = replica(redis), replica(redis)
    await here.relation_changed(SARA, MONA, mutes=True)
    there.take_in(SARA, redis.of(SARA))
    # The end of the mute came by its event alone; then something else was written.
    heard.said.clear()
    await here.follows_changed(SARA)
    there.take_in(SARA, redis.of(SARA))
    there.take_in(SARA, redis.of(SARA))
    assert heard.said == [("forget", SARA)]


async def test_the_same_write_made_again_is_taken_in_again(redis: Lists) -> None:
    (here, _), (there, heard) = replica(redis), replica(redis)
    for times in (1, 2):
        await here.muted_words_changed(SARA)
        there.take_in(SARA, redis.of(SARA))
        assert heard.said == [("forget", SARA)] * times
        redis.lists.clear()


async def test_the_newest_records_are_kept_in_order(redis: Lists) -> None:
    (here, _), (there, heard) = replica(redis), replica(redis)
    for n in range(RECORDS_MAX + 5):
        await here.relation_changed(SARA, 100 + n, mutes=True)
    there.take_in(SARA, redis.of(SARA))
    assert [said[2] for said in heard.said] == list(range(105, 105 + RECORDS_MAX))


async def test_records_of_a_newer_release_are_passed_over(redis: Lists) -> None:
    there, heard = replica(redis)
    there.take_in(SARA, [b"danced 1 2 3 77", b"words 1 78"])
    assert heard.said == [("forget", SARA)]


async def test_privacy_is_told_to_this_replica_alone(redis: Lists) -> None:
    here, heard = replica(redis)
    await here.privacy_changed(SARA, is_private=True)
    assert heard.said == [("private", SARA, True)]
    assert redis.lists == {}
