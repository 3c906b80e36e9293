"""Handles: the unique names that people are mentioned by."""

from __future__ import annotations

import re
from typing import Final

from services.chassis.errors import invalid

_HANDLE: Final = re.compile(r"[a-z0-9_]{3,30}")


def clean_handle(handle: str) -> str:
    """The handle in small letters; AppError INVALID_ARGUMENT unless it is 3 to 30 of a-z, 0-9 and underscore."""
    small = small_handle(handle)
    if small is None:
        raise invalid("handle", "must be 3 to 30 of a-z, 0-9 and underscore")
    return small


def small_handle(handle: str) -> str | None:
    """The handle as it is stored, without @ and in small letters; None when it cannot be one."""
    plain = handle.removeprefix("@")
    # Only ASCII has capitals here: lower() would make a k of the Kelvin sign.
    small = plain.lower() if plain.isascii() else ""
    return small if _HANDLE.fullmatch(small) else None
