"""Passwords that leaked, in a file of sorted SHA-1 hashes that the operator brings: searched where it lies."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
from pathlib import Path
from typing import Final

from services.chassis.config import SettingsError

_HASH_CHARS: Final = 40
_MAX_LINE_BYTES: Final = 64


class BreachedPasswordFile:
    """A file as Have I Been Pwned's downloader writes it: lines `<40 hexadecimal digits>[:count]`, sorted.

    It may have tens of gigabytes: only the pages that a search touches are read, in a thread, for a disk may be slow.
    SettingsError when there is no such file. Close it when done.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is empty"
            raise SettingsError([f"AUTH_BREACHED_PASSWORDS_FILE cannot be read: {reason}"]) from None
        try:
            _digest_of(self._lines[: min(_MAX_LINE_BYTES, len(self._lines))])
        except ValueError:
            self._lines.close()
            raise SettingsError(["AUTH_BREACHED_PASSWORDS_FILE has no SHA-1 in its first line"]) from None

    async def has(self, password: str) -> bool:
        """Whether the password is in the file."""
        # The hash is the list's, not ours: nothing of it is kept.
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        return await asyncio.to_thread(self._find, digest)

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()

    def _find(self, digest: bytes) -> bool:
        lines = self._lines
        # The line that begins at `low`, or one after it, is the first that is not less.
        low, high = 0, len(lines)
        while low < high:
            middle = (low + high) // 2
            start = lines.rfind(b"\n", low, middle) + 1 or low
            end = lines.find(b"\n", start)
            end = len(lines) if end < 0 else end
            try:
                found = _digest_of(lines[start : min(end, start + _MAX_LINE_BYTES)])
            except ValueError:
                # A line that is none, such as an empty one at the end.
                high = start
                continue
            if found == digest:
                return True
            if found < digest:
                low = end + 1
            else:
                high = start
        return False


def _digest_of(line: bytes) -> bytes:
    digest = line[:_HASH_CHARS].upper()
    if len(digest) != _HASH_CHARS:
        raise ValueError("too short for a SHA-1")
    int(digest, 16)
    return digest
