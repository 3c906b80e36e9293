"""`python -m services.payments.trial_balance [--at TIME]`: what each account holds; exit 1 unless it is zero in all."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from services.chassis.config import SettingsError
from services.payments.adapters.postgres.trial_balances import balance_now, balance_of
from services.payments.config import database_url
from services.payments.domain.cairo import CAIRO
from services.payments.domain.trial_balance import KIND_OF, TrialBalance

_CONNECT_TIMEOUT_S: Final = 10.0
_ACCOUNTS: Final = {kind: int(account) for account, kind in KIND_OF.items()}


async def take(url: str, at: datetime | None) -> TrialBalance:
    """The balance in one snapshot: of now from what accounts say they hold, of a moment from every entry until then."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await balance_now(connection) if at is None else await balance_of(connection, at)
    finally:
        await connection.close()


def read_moment(text: str) -> datetime:
    """A moment such as 2026-11-24T10:00, in Cairo unless it says otherwise; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=CAIRO) if moment.tzinfo is None else moment


def report(balance: TrialBalance) -> list[str]:
    """The balance, a line for each kind of account, the outcome last."""
    moment = "now" if balance.as_of is None else balance.as_of.astimezone(CAIRO).isoformat(timespec="seconds")
    lines = [f"as of {moment}"]
    for kind, piastres in sorted(balance.sums.items(), key=lambda item: -_ACCOUNTS.get(item[0], -100)):
        account = str(_ACCOUNTS[kind]) if kind in _ACCOUNTS else "people"
        lines.append(f"{kind:20} {account:>7} {piastres / 100:>22,.2f} EGP")
    lines.append(f"{'together':20} {'':>7} {balance.unbalanced / 100:>22,.2f} EGP")
    lines.append("trial balance: right" if balance.is_right else "trial balance: WRONG")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code: 1 unless the sum is zero, 2 for wrong arguments or settings."""
    parser = argparse.ArgumentParser(prog="python -m services.payments.trial_balance", description=__doc__)
    parser.add_argument("--at", type=read_moment, help="a moment, in Cairo unless it says otherwise; default: now")
    given = parser.parse_args(arguments)
    try:
        balance = asyncio.run(take(database_url(os.environ), given.at))
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n".join(report(balance)) + "\n")
    return 0 if balance.is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
