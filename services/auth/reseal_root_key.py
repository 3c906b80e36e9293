"""Change the key in the settings: python -m services.auth.reseal_root_key, with the new key and the old one set."""

from __future__ import annotations

import asyncio
import os
import sys

import structlog

from services.auth.adapters.postgres.root_key import reseal_root_key
from services.auth.config import database_url, key_encryption_secrets
from services.chassis.config import Env, SettingsError
from services.chassis.errors import AppError
from services.chassis.postgres import create_pool
from services.sealing.key_encryption import KeyEncryptionKeys, WrongKeyEncryptionKeyError


async def reseal(url: str, keys: KeyEncryptionKeys) -> bool:
    """Seal the root key under the key of today; False when it is already. As the adapter's errors."""
    pool = await create_pool(url, application_name="reseal-root-key", min_size=1, max_size=1)
    try:
        return await reseal_root_key(pool, keys)
    finally:
        await pool.close()


def main() -> int:
    """Do it and return the exit code: 1 when nothing could be changed, 2 for wrong settings."""
    try:
        url = database_url(os.environ)
        env = Env(os.environ)
        secrets = key_encryption_secrets(env)
        env.finish()
        keys = secrets.read()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    # What is logged on the way is not the answer.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        changed = asyncio.run(reseal(url, keys))
    except (AppError, OSError, WrongKeyEncryptionKeyError) as error:
        print(f"nothing was changed: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    said = "sealed under AUTH_KEY_ENCRYPTION_KEY" if changed else "already sealed under AUTH_KEY_ENCRYPTION_KEY"
    sys.stdout.write(f"the root key is {said}: AUTH_KEY_ENCRYPTION_KEY_OLD is no longer needed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
