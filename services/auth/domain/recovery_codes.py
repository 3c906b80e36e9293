"""Recovery codes: written so that they can be copied by hand, read however they were copied."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from services.chassis.errors import invalid

RECOVERY_CODES: Final = 10
# Crockford's base 32: no I, L, O, U. Twenty-four of them are 120 random bits, which no stolen table
# can be searched for; codes of sixteen were given out before.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARS: Final = 24
_CHARS_BEFORE: Final = 16
_GROUP: Final = 4
_MAX_TYPED_CHARS: Final = 96
_CODE: Final = re.compile(f"[{_ALPHABET}]{{{_CHARS}}}|[{_ALPHABET}]{{{_CHARS_BEFORE}}}")
_MISREAD: Final = str.maketrans("ILO", "110")


def new_recovery_code(choose: Callable[[str], str]) -> str:
    """A code such as "4Q7M-0XKD-93ZT-B2WN-7CRA-EJ5H", each character by `choose`, which must be random."""
    chars = "".join(choose(_ALPHABET) for _ in range(_CHARS))
    return "-".join(chars[start : start + _GROUP] for start in range(0, _CHARS, _GROUP))


def read_recovery_code(text: str) -> str:
    """The characters of a code; AppError INVALID_ARGUMENT when it is none.

    Case, dashes and spaces do not matter, nor which script the digits are of, nor I, L and O for 1 and 0.
    """
    if len(text) > _MAX_TYPED_CHARS:
        raise _not_a_code()
    kept = [char for char in text if unicodedata.category(char) not in {"Cf", "Pd", "Zs"} and not char.isspace()]
    ascii_only = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in kept)
    code = ascii_only.upper().translate(_MISREAD)
    if _CODE.fullmatch(code) is None:
        raise _not_a_code()
    return code


def _not_a_code() -> Exception:
    return invalid("recovery_code", f"must be {_CHARS} letters and digits")
