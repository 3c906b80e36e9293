"""Where the column store is: chdb:///folder for the engine in this process, clickhouse://… for a server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.analytics.adapters.clickhouse.embedded import EmbeddedClickHouse
from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.server import ServerClickHouse


def open_clickhouse(url: str) -> ClickHouse:
    """The ClickHouse at the URL; nothing is connected or opened before its first use."""
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return EmbeddedClickHouse(Path(unquote(parts.path)))
    return ServerClickHouse(url)
