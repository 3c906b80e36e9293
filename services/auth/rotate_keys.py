"""Signing keys, for operators: python -m services.auth.rotate_keys list|rotate|revoke KID."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

import structlog

from services.auth.adapters.postgres.root_key import load_root_key
from services.auth.adapters.postgres.signing_keys import PostgresSigningKeys
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.change_keys import ChangeKeys, KeyState
from services.auth.config import database_url, key_encryption_secrets
from services.auth.domain.key_schedule import KeySchedule
from services.chassis.clock import SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.errors import AppError
from services.chassis.postgres import create_pool
from services.sealing.key_encryption import KeyEncryptionKeys, WrongKeyEncryptionKeyError

NOTHING_TO_ROTATE = "the next key is about to sign anyway"
NO_SUCH_KEY = "no such key, or it is revoked already"


async def change_keys(url: str, keys: KeyEncryptionKeys, verb: str, kid: str = "") -> list[KeyState] | None:
    """Do what `verb` says: "list", "rotate" or "revoke". All keys afterwards; None when there was nothing to change.

    AppError UNAVAILABLE when the database is away, WrongKeyEncryptionKeyError when the key is not the database's.
    """
    pool = await create_pool(url, application_name="rotate-keys", min_size=1, max_size=2)
    try:
        box = SigningKeyBox(await load_root_key(pool, keys))
        change = ChangeKeys(PostgresSigningKeys(pool, box), KeySchedule(), SystemClock())
        if verb == "rotate":
            return await change.rotate()
        return await (change.revoke(kid) if verb == "revoke" else change.state())
    finally:
        await pool.close()


def key_lines(keys: Sequence[KeyState]) -> list[str]:
    """A line for each key."""
    return [f"{key.kid}  {key.active_from:%Y-%m-%d %H:%M:%S %Z}  {key.state}" for key in keys]


def main(arguments: Sequence[str]) -> int:
    """Change keys and return the exit code: 1 when nothing was changed, 2 for wrong arguments or settings."""
    parser = argparse.ArgumentParser(prog="rotate_keys", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list")
    verbs.add_parser("rotate")
    verbs.add_parser("revoke").add_argument("kid")
    order = parser.parse_args(arguments)
    try:
        url = database_url(os.environ)
        env = Env(os.environ)
        secrets = key_encryption_secrets(env)
        env.finish()
        encryption = secrets.read()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    # What is logged on the way is not the answer.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        keys = asyncio.run(change_keys(url, encryption, order.verb, getattr(order, "kid", "")))
    except (AppError, OSError, WrongKeyEncryptionKeyError) as error:
        print(f"nothing was changed: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    if keys is None:
        print(NO_SUCH_KEY if order.verb == "revoke" else NOTHING_TO_ROTATE, file=sys.stderr)  # noqa: T201 - the same
        return 1
    sys.stdout.writelines(f"{line}\n" for line in key_lines(keys))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
