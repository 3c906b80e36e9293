"""Gathers what a service holds about a person, as auth's makers of exports do."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

from services.chassis.postgres import PostgresPool
from services.personal_data.pages import PersonalData

_PAGES_MAX = 10_000
_TABLES_SQL = """
    SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND relnamespace = current_schema()::regnamespace
"""


async def gather(data: PersonalData, user_id: int, size: int = 500) -> dict[str, list[dict[str, Any]]]:
    """All records by kind, read in pages of a size."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    token = ""
    for _ in range(_PAGES_MAX):
        page = await data.page(user_id, token, size)
        assert len(page.records) <= size
        for record in page.records:
            assert "\n" not in record.json
            found[record.kind].append(json.loads(record.json))
        token = page.next_token
        if not token:
            return dict(found)
    raise AssertionError("the pages have no end")


async def unaccounted_tables(pool: PostgresPool, module: ModuleType) -> set[str]:
    """Tables that the module's sections neither read nor leave out by its NOT_EXPORTED; and those named for nothing."""
    tables = {row[0] for row in await pool.fetch(_TABLES_SQL)}
    left_out: dict[str, str] = module.NOT_EXPORTED
    source = _without_those_left_out(module)
    read = {table for table in tables if re.search(rf"(FROM |JOIN |\"){table}\b", source)}
    return tables - read - left_out.keys() | left_out.keys() - tables


def _without_those_left_out(module: ModuleType) -> str:
    source = Path(str(module.__file__)).read_text("utf-8")
    return re.sub(r"^NOT_EXPORTED.*?^\}", "", source, flags=re.DOTALL | re.MULTILINE)
