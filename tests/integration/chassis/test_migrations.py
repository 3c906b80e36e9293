"""Databases are brought to the newest version, once, however many try."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.chassis.migrations import upgrade

pytestmark = pytest.mark.stores

REVISION = """
revision = "{number}"
down_revision = {previous!r}
from alembic import op

def upgrade():
    {body}
"""


def write_revision(folder: Path, number: str, previous: str | None, body: str) -> None:
    versions = folder / "versions"
    versions.mkdir(exist_ok=True)
    (versions / f"{number}_step.py").write_text(REVISION.format(number=number, previous=previous, body=body))


async def tables(url: str) -> set[str]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_fresh_again_and_onwards(postgres_url: str, tmp_path: Path) -> None:
    write_revision(tmp_path, "0001", None, 'op.execute("CREATE TABLE one (n int)")')
    await upgrade(postgres_url, tmp_path, lock_key="test")
    await upgrade(postgres_url, tmp_path, lock_key="test")
    assert await tables(postgres_url) == {"one", "alembic_version"}
    write_revision(tmp_path, "0002", "0001", 'op.execute("CREATE TABLE two (n int)")')
    await upgrade(postgres_url, tmp_path, lock_key="test")
    assert await tables(postgres_url) == {"one", "two", "alembic_version"}


async def test_five_at_once(postgres_url: str, tmp_path: Path) -> None:
    write_revision(tmp_path, "0001", None, 'op.execute("SELECT pg_sleep(0.2)"); op.execute("CREATE TABLE one (n int)")')
    await asyncio.gather(*(upgrade(postgres_url, tmp_path, lock_key="test") for _ in range(5)))
    assert await tables(postgres_url) == {"one", "alembic_version"}


async def test_a_failed_revision_leaves_nothing_behind(postgres_url: str, tmp_path: Path) -> None:
    write_revision(tmp_path, "0001", None, 'op.execute("CREATE TABLE one (n int)"); op.execute("SELECT 1/0")')
    with pytest.raises(Exception, match="division by zero"):
        await upgrade(postgres_url, tmp_path, lock_key="test")
    assert await tables(postgres_url) == set()


async def test_a_revision_may_commit_in_between(postgres_url: str, tmp_path: Path) -> None:
    write_revision(tmp_path, "0001", None, 'op.execute("CREATE TABLE one (n int)")')
    write_revision(
        tmp_path,
        "0002",
        "0001",
        'with op.get_context().autocommit_block(): op.execute("CREATE INDEX CONCURRENTLY one_n ON one (n)")',
    )
    await upgrade(postgres_url, tmp_path, lock_key="test")
    assert "one" in await tables(postgres_url)


async def test_only_postgres_urls(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="postgres"):
        await upgrade("mysql://u:p@127.0.0.1:1/db", tmp_path, lock_key="test")
