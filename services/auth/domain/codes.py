"""One-time codes: what they look like, how long and how often they may be tried, and what the message says."""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.chassis.errors import invalid

CODE_DIGITS: Final = 6
_MAX_TYPED_CHARS: Final = 32
# 32 bytes in base64url without padding.
_FLOW_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
# What keyboards and pasting put between digits.
_MARKS: Final = frozenset(" -\u00a0\u2009\u202f")


class CodePurpose(enum.Enum):
    """What a code is for; a code for one thing is none for another."""

    SIGN_IN = 1
    CHANGE_PHONE = 10
    CHANGE_EMAIL = 11
    VERIFY_EMAIL = 12


@dataclass(frozen=True, slots=True)
class CodeRules:
    """How long a code lives and how often it may be tried.

    Once it is used, the same code again within `repeat_grace` gets the same session, at most `repeats` times: its
    answer may have been lost.
    """

    life: timedelta = timedelta(minutes=5)
    tries: int = 5
    repeat_grace: timedelta = timedelta(seconds=10)
    repeats: int = 5


def read_code(text: str) -> str:
    """The code as six ASCII digits; AppError INVALID_ARGUMENT when it is none. Any script's decimal digits will do."""
    if len(text) > _MAX_TYPED_CHARS:
        raise _not_a_code()
    # A code copied out of a message may be wrapped in invisible direction marks.
    visible = [char for char in text if unicodedata.category(char) != "Cf" and char not in _MARKS]
    if len(visible) != CODE_DIGITS or not all(char.isdecimal() for char in visible):
        raise _not_a_code()
    return "".join(str(unicodedata.decimal(char)) for char in visible)


def looks_like_flow_token(text: str) -> bool:
    """Whether the text has the form of a flow token; others are not looked up."""
    return _FLOW_TOKEN.fullmatch(text) is not None


def message_text(code: str, origin: str) -> str:
    """The message that carries a code, Arabic first.

    Phones offer to fill in a code that stands alone near such words. With `origin`, a domain name, the last line binds
    it to the apps and pages of that domain (the form that iOS and WebOTP know). Both fit into two messages of 67
    characters.
    """
    lines = [f"رمز دائرة: {code}", "صالح 5 دقائق. لا تعطه لأحد.", f"DAIRA code: {code}. Never share it."]
    if origin:
        lines += [f"@{origin} #{code}"]
    return "\n".join(lines)


def _not_a_code() -> Exception:
    return invalid("code", f"must be {CODE_DIGITS} digits")
