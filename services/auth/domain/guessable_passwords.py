"""How passwords are told that others would guess: the spellings of one word, and words that lie at hand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# What the platform is called: the first that is tried here.
PLATFORM_WORDS: Final = ("daira", "دايرة", "دائرة")

# What people write behind a word when a form asks for digits. More would be a secret of its own.
_TRAILING: Final = re.compile(r"[0-9]{1,4}[!.@#]?$|[!.@#]$")
_MIN_CONTEXT_CHARS: Final = 3
# With the words at hand cut out, what is left must be a password's worth by itself, or nearly so.
_MIN_REST_CHARS: Final = 6


def normal_form(text: str) -> str:
    """The text as lists are compared: case folded, no spaces, marks or vowel signs, any script's digits as 0 to 9."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (char for char in folded if not char.isspace() and unicodedata.category(char) not in {"Cf", "Mn"})
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in kept)


def spellings(password: str) -> tuple[str, ...]:
    """The forms of a password to look for in lists of normal forms: as it is, and without what trails a word."""
    whole = normal_form(password)
    stem = _TRAILING.sub("", whole)
    return (whole, stem) if stem and stem != whole else (whole,)


def rest_without(password: str, words: Iterable[str]) -> str | None:
    """The normal form with `words` cut out of it; None when it has none of them. Words under 3 characters count not."""
    whole = rest = normal_form(password)
    for word in sorted({normal_form(word) for word in words}, key=len, reverse=True):
        if len(word) >= _MIN_CONTEXT_CHARS:
            rest = rest.replace(word, "")
    return rest if rest != whole else None


def is_too_little(rest: str) -> bool:
    """Whether what is left of a password, once words at hand are cut out, is no secret."""
    return sum(char.isalnum() for char in rest) < _MIN_REST_CHARS


def words_at_hand(phone: str, email: str) -> tuple[str, ...]:
    """The words that everybody who knows a person has: of an E.164 phone and an e-mail ("" for none), and ours."""
    words = list(PLATFORM_WORDS)
    if phone:
        national = phone.removeprefix("+20")
        words += [phone, phone.removeprefix("+"), f"0{national}", national]
    if email:
        local = email.rpartition("@")[0]
        words += [email, local, *re.split(r"[.+_-]", local)]
    return tuple(words)
