"""What a password may be: long enough, not endless, and nothing else."""

from __future__ import annotations

import unicodedata
from typing import Final

from services.chassis.errors import invalid

MIN_CODE_POINTS: Final = 8
MAX_CODE_POINTS: Final = 128


def new_password(text: str) -> str:
    """The password as it is hashed, or AppError INVALID_ARGUMENT: 8 to 128 code points, any characters."""
    password = given_password(text)
    if len(password) < MIN_CODE_POINTS:
        raise _wrong_length()
    return password


def given_password(text: str) -> str:
    """A password to check. Keyboards compose letters differently, so it is compared in NFC.

    AppError INVALID_ARGUMENT when empty or over 128 code points: none so long was ever accepted.
    """
    # The length is bounded before the work of normalising.
    if not text or len(text) > MAX_CODE_POINTS:
        raise _wrong_length()
    password = unicodedata.normalize("NFC", text)
    if len(password) > MAX_CODE_POINTS:
        raise _wrong_length()
    return password


def _wrong_length() -> Exception:
    return invalid("password", f"must have {MIN_CODE_POINTS} to {MAX_CODE_POINTS} characters")
