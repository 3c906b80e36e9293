"""A Redis Stream whose entry ids are positions: a copy of the log's end that can be lost, never holed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.chassis.redis_client import RedisClient

FIELD: Final = b"e"

# Adds the batch only behind its predecessor, or into an empty stream, and answers the tail either way: two publishers,
# a repeated call and a stream that lost its end all come out without a hole or a repeat.
_APPEND_LUA: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local first = tonumber(ARGV[1])
if last[1] then
    local tail = tonumber(string.match(last[1][1], '^%d+'))
    if tail + 1 ~= first then return tail end
else
    -- An emptied stream remembers its last id and would refuse smaller ones.
    redis.call('DEL', KEYS[1])
end
local count = #ARGV - 2
local function add(call, i)
    return call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], string.format('%.0f-0', first + i - 1), 'e', ARGV[i + 2])
end
local added = add(redis.pcall, 1)
if type(added) == 'table' and added.err then
    -- Somebody deleted the last entries: the stream remembers their ids and refuses them for ever.
    redis.call('XSETID', KEYS[1], string.format('%.0f-0', first - 1))
    add(redis.call, 1)
end
for i = 2, count do add(redis.call, i) end
return first + count - 1
"""

_DROP_LUA: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if last[1] and tonumber(string.match(last[1][1], '^%d+')) == tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
return 0
"""


class EventStream:
    """The stream of one log. Every method raises redis_client.REDIS_AWAY errors when Redis is away."""

    def __init__(self, redis: RedisClient, key: str, max_length: int = 100_000) -> None:
        self._redis = redis
        self._key = key
        self._max_length = max_length
        self._append_script: Any = redis.register_script(_APPEND_LUA)
        self._drop_script: Any = redis.register_script(_DROP_LUA)

    async def tail(self) -> int:
        """The last position in the stream; 0 when it is empty."""
        entries: Any = await self._redis.xrevrange(self._key, count=1)
        return _position(entries[0][0]) if entries else 0

    async def append(self, first_pos: int, events: Sequence[bytes]) -> int:
        """Add events at first_pos, first_pos + 1 …, if that continues the stream; the tail afterwards."""
        tail: int = await self._append_script(keys=[self._key], args=[first_pos, self._max_length, *events])
        return tail

    async def drop(self, tail: int) -> None:
        """Delete the stream, unless its tail has moved on."""
        await self._drop_script(keys=[self._key], args=[tail])

    async def read(self, after_pos: int, limit: int, block_ms: int) -> list[tuple[int, bytes]]:
        """At most `limit` (position, event) after a position, waiting up to `block_ms` for the first."""
        reply: Any = await self._redis.xread({self._key: f"{after_pos}-0"}, count=limit, block=block_ms)
        if not reply:
            return []
        entries = reply[0][1]
        return [(_position(entry_id), fields[FIELD]) for entry_id, fields in entries]


def _position(entry_id: bytes | str) -> int:
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    return int(text.partition("-")[0])
