"""`python -m services.payments.verify_ledger`: every row against the chain and what was signed; exit 1 if wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from services.chassis.config import Env, SettingsError
from services.hash_chain.given_statements import read_statements
from services.payments.adapters.postgres.ledger_archive import PostgresLedgerArchive
from services.payments.adapters.postgres.ledger_keys import ledger_key_box, load_signer
from services.payments.application.verify_ledger import Verdict, VerifyLedger
from services.payments.config import database_url, key_encryption_secrets
from services.sealing.key_encryption import KeyEncryptionKeys

_CONNECT_TIMEOUT_S: Final = 10.0


async def verify(
    url: str, keys: KeyEncryptionKeys, outside: Sequence[str], advance: Callable[[int, int], None]
) -> Verdict:
    """Read the whole ledger in one snapshot; `advance` is told how many rows were looked at, and how many are sealed.

    `outside` are signed checkpoints that left the database when they were made. WrongKeyEncryptionKeyError.
    """
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            sealed_root = await connection.fetchval("SELECT sealed FROM root_key")
            archive = PostgresLedgerArchive(connection)
            if sealed_root is None:
                raise SettingsError(["payments has not run yet: there is no key that would have signed its ledger"])
            reader = await load_signer(connection, ledger_key_box(keys.open(sealed_root)[0]))
            total = (await archive.state()).sealed_rows
            return await VerifyLedger(archive, reader, lambda count: advance(count, total), outside)()
    finally:
        await connection.close()


def report(verdict: Verdict) -> list[str]:
    """What was found, a line each, the outcome last."""
    lines = [f"WRONG {one.wrong} at seal {one.pos}: {one.words}" for one in verdict.findings]
    if verdict.wrong_count > len(verdict.findings):
        lines.append(f"… and {verdict.wrong_count - len(verdict.findings)} more")
    lines.append(
        f"{verdict.rows:,} rows under {verdict.last_pos:,} seals, {verdict.checkpoints:,} signed checkpoints, "
        f"{verdict.unsealed:,} transfers not sealed yet (the oldest {max(0.0, verdict.unsealed_age_s):.0f} s old)"
    )
    lines.append("ledger: intact" if verdict.is_intact else "ledger: NOT INTACT")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code: 1 when the ledger is not intact, 2 for wrong arguments or settings."""
    parser = argparse.ArgumentParser(prog="python -m services.payments.verify_ledger", description=__doc__)
    parser.add_argument("--checkpoint", action="append", default=[], help="a signed checkpoint, or a file of them")
    given = parser.parse_args(arguments)
    try:
        url = database_url(os.environ)
        env = Env(os.environ)
        secrets = key_encryption_secrets(env)
        env.finish()
        outside = read_statements(given.checkpoint)
        verdict = asyncio.run(verify(url, secrets.read(), outside, lambda _count, _total: None))
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n".join(report(verdict)) + "\n")
    return 0 if verdict.is_intact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
