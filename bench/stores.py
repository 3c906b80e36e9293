"""Stores of a measurement's own, thrown away after it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dev.ports import free_port
from dev.stores.redis_server import EmbeddedRedis, RedisSettings


@contextlib.contextmanager
def scratch_redis() -> Iterator[str]:
    """The URL of an empty Redis server that keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="daira-bench-") as folder:
        server = EmbeddedRedis(RedisSettings(data=Path(folder) / "redis", port=free_port(), persistent=False))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
