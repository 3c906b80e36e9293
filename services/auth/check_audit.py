"""Verifies the audit log, or shows a person's: python -m services.auth.check_audit verify|show."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from services.auth.adapters.postgres.audit import PostgresAuditTrail
from services.auth.adapters.postgres.audit_archive import PostgresAuditArchive
from services.auth.adapters.postgres.audit_keys import load_signer
from services.auth.adapters.postgres.root_key import load_root_key, read_root_key
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.audit_ports import AuditEntry
from services.auth.application.verify_audit import Verdict, VerifyAudit
from services.auth.config import database_url, key_encryption_secrets
from services.chassis.config import Env, SettingsError
from services.chassis.postgres import PostgresConnection, create_pool
from services.hash_chain.given_statements import read_statements
from services.sealing.key_encryption import KeyEncryptionKeys

_CONNECT_TIMEOUT_S: Final = 10.0
_SHOWN: Final = 100
_NEVER: Final = (1 << 63) - 1


async def verify(
    url: str, keys: KeyEncryptionKeys, outside: Sequence[str], advance: Callable[[int, int], None]
) -> Verdict:
    """Read the whole log in one snapshot; `advance` is told how many rows were checked, and how many there are.

    `outside` are signed checkpoints that left the database when they were made.
    """
    async with _snapshot(url) as connection:
        reader = await load_signer(connection, SigningKeyBox(await read_root_key(connection, keys)))
        archive = PostgresAuditArchive(connection)
        total = await archive.sealed()
        return await VerifyAudit(archive, reader, lambda count: advance(count, total), outside)()


async def show(url: str, keys: KeyEncryptionKeys, user_id: int) -> list[AuditEntry]:
    """The last 100 rows about a person, newest first."""
    pool = await create_pool(url, application_name="check-audit", min_size=1, max_size=2)
    try:
        return await PostgresAuditTrail(pool, await load_root_key(pool, keys)).entries(user_id, _NEVER, _SHOWN)
    finally:
        await pool.close()


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[PostgresConnection]:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()


def report(verdict: Verdict) -> list[str]:
    """What was found, a line each, the outcome last."""
    lines = [f"WRONG {one.wrong} at position {one.pos}: {one.words}" for one in verdict.findings]
    if verdict.wrong_count > len(verdict.findings):
        lines.append(f"… and {verdict.wrong_count - len(verdict.findings)} more")
    lines.append(
        f"{verdict.rows:,} rows sealed at positions {verdict.first_pos:,} to {verdict.last_pos:,}, "
        f"{verdict.checkpoints:,} signed checkpoints, {verdict.unsealed:,} rows not sealed yet "
        f"(the oldest {verdict.unsealed_age_s:.0f} s old)"
    )
    lines.append("audit log: intact" if verdict.is_intact else "audit log: NOT INTACT")
    return lines


def entry_lines(entries: Sequence[AuditEntry]) -> list[str]:
    """The rows as people read them, a line each."""
    lines = []
    for entry in entries:
        where = "shredded" if entry.detail is None else f"{entry.detail.network} {entry.detail.device_name}".strip()
        times = f" ×{entry.repeats}" if entry.repeats > 1 else ""
        lines.append(
            f"{entry.occurred_at.isoformat(timespec='seconds')}  {entry.kind}{times}  actor {entry.actor_id}"
            f"  session {entry.session_id}  {where}"
        )
    return lines or ["nothing is recorded of this person"]


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code: 1 when the log is not intact, 2 for wrong arguments or settings."""
    parser = argparse.ArgumentParser(prog="python -m services.auth.check_audit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verifying = commands.add_parser("verify", help="check every row, seal and signature")
    verifying.add_argument("--checkpoint", action="append", default=[], help="a signed checkpoint, or a file of them")
    showing = commands.add_parser("show", help="the last 100 rows about a person")
    showing.add_argument("--user", type=int, required=True, help="user id")
    given = parser.parse_args(arguments)
    try:
        url = database_url(os.environ)
        env = Env(os.environ)
        secrets = key_encryption_secrets(env)
        env.finish()
        keys = secrets.read()
        outside = read_statements(given.checkpoint) if given.command == "verify" else []
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.command == "show":
        sys.stdout.write("\n".join(entry_lines(asyncio.run(show(url, keys, given.user)))) + "\n")
        return 0
    verdict = asyncio.run(verify(url, keys, outside, lambda _count, _total: None))
    sys.stdout.write("\n".join(report(verdict)) + "\n")
    return 0 if verdict.is_intact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
