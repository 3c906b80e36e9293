"""Inboxes in Redis: a LIST of post ids for each reader who has read lately.

An inbox is complete when its bottom element is 0, or a positive id because it was cut: then it has everything down to
its least id. While it is built, the bottom is the builder's negative nonce: posts fanned out meanwhile land above it,
and nobody takes the half for whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, cast

from services.chassis.redis_client import RedisClient

CAP: Final = 800
TRIM_ABOVE: Final = 1000
LIFE_S: Final = 7 * 86_400
KEYS_A_CALL: Final = 500
CALLS_A_ROUND_TRIP: Final = 100
_TRIM_WINDOW: Final = 100
_REACHED: Final = "fan_out:pos"

# KEYS: inboxes; ARGV: post id, length above which to trim, length to trim to, how many of the kept are looked at.
# Single-key commands only: on a cluster the caller sends one call per slot.
# Ids are compared as text, for a Lua number has 53 bits. A post older than the bottom of a cut inbox stays out: the
# inbox would look as if it reached down to it. For the same reason an inbox whose trimming would cut something newer
# than what it keeps is forgotten instead; ids and arrivals differ in order by moments only, so that is rare.
_PUSH: Final = """
local function newer(a, b) return #a > #b or (#a == #b and a > b) end
local function is_id(entry) return entry ~= '0' and string.byte(entry) ~= 45 end
local id, trim_above, keep, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function trim(key)
  local tail = redis.call('LRANGE', key, keep - window, -1)
  local newest_cut = '0'
  for i = window + 1, #tail do
    if is_id(tail[i]) and newer(tail[i], newest_cut) then newest_cut = tail[i] end
  end
  for i = 1, window do
    if newer(newest_cut, tail[i]) then return redis.call('UNLINK', key) end
  end
  redis.call('LTRIM', key, 0, keep - 1)
end
local pushed = 0
for _, key in ipairs(KEYS) do
  local bottom = redis.call('LINDEX', key, -1)
  if bottom and (not is_id(bottom) or newer(id, bottom)) then
    pushed = pushed + 1
    if redis.call('LPUSHX', key, id) > trim_above then trim(key) end
  end
end
return pushed
"""
# KEYS: inbox; ARGV: negative nonce, seconds to live. Takes over a build that another reader began and never ended.
_BEGIN: Final = """
local bottom = redis.call('LINDEX', KEYS[1], -1)
if bottom and tonumber(bottom) >= 0 then return 0 end
if bottom then redis.call('RPOP', KEYS[1]) end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
# KEYS: inbox; ARGV: negative nonce, seconds to live, then ids newest first, then 0 unless they were cut at the cap.
_FINISH: Final = """
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then return 0 end
redis.call('RPOP', KEYS[1])
for i = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RedisInboxes:
    """Reads, builds, fills and forgets inboxes."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._push = redis.register_script(_PUSH)
        self._begin = redis.register_script(_BEGIN)
        self._finish = redis.register_script(_FINISH)

    async def read(self, viewer_id: int) -> list[bytes] | None:
        """The entries, newest arrivals first, markers among them; None when the inbox is missing or half built."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.lrange(key_of(viewer_id), 0, -1)
        pipeline.expire(key_of(viewer_id), LIFE_S)
        entries = cast("list[bytes]", (await pipeline.execute())[0])
        return entries if is_complete(entries) else None

    async def begin(self, viewer_id: int) -> int | None:
        """Begin a build: the nonce to finish it with, or None when the inbox is complete."""
        nonce = -1 - secrets.randbits(62)
        begun = await self._begin(keys=[key_of(viewer_id)], args=[nonce, LIFE_S])
        return nonce if begun else None

    async def finish(self, viewer_id: int, nonce: int, newest_first: Sequence[int]) -> bool:
        """Put the ids under what was fanned out meanwhile; False when the inbox was forgotten or taken over since."""
        cut = list(newest_first[:CAP])
        bottom = [0] if len(cut) < CAP else []
        return bool(await self._finish(keys=[key_of(viewer_id)], args=[nonce, LIFE_S, *cut, *bottom]))

    async def push(self, post_id: int, viewer_ids: Sequence[int]) -> None:
        """Push a post into those of the inboxes that exist and reach down to it."""
        await self.push_many([(post_id, viewer_ids)])

    async def push_many(self, posts: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Push posts, each with its readers, in order; a hundred calls a round trip."""
        calls = [
            ([key_of(viewer_id) for viewer_id in viewer_ids[start : start + KEYS_A_CALL]], post_id)
            for post_id, viewer_ids in posts
            for start in range(0, len(viewer_ids), KEYS_A_CALL)
        ]
        for start in range(0, len(calls), CALLS_A_ROUND_TRIP):
            pipeline = self._redis.pipeline(transaction=False)
            for keys, post_id in calls[start : start + CALLS_A_ROUND_TRIP]:
                await self._push(keys=keys, args=[post_id, TRIM_ABOVE, CAP, _TRIM_WINDOW], client=pipeline)
            await pipeline.execute()

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        """Forget inboxes: the next read rebuilds them."""
        for start in range(0, len(viewer_ids), KEYS_A_CALL):
            await self._redis.unlink(*(key_of(viewer_id) for viewer_id in viewer_ids[start : start + KEYS_A_CALL]))

    async def reached(self) -> int | None:
        """Up to which position of the log these inboxes were filled; None when Redis has never been told, or lost all.

        Less than was told means that Redis came back with an older state of itself.
        """
        value = await self._redis.get(_REACHED)
        return None if value is None else int(value)

    async def set_reached(self, pos: int) -> None:
        """Keep beside the inboxes how far they were filled."""
        await self._redis.set(_REACHED, pos)


def key_of(viewer_id: int) -> str:
    """The Redis list of a reader's inbox."""
    return f"inbox:{viewer_id}"


def is_complete(entries: Sequence[bytes]) -> bool:
    """Whether an inbox as Redis has it is there and not half built."""
    return bool(entries) and not entries[-1].startswith(b"-")


def floor_of(entries: Sequence[bytes]) -> int:
    """Down to which post a complete inbox is whole; 0 when nothing was ever cut off it."""
    return max(0, int(entries[-1])) if entries else 0
