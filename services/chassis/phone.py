"""Egyptian mobile numbers in any spelling: with or without +20, in Arabic digits, out of a chat."""

from __future__ import annotations

import unicodedata
from typing import Final

import phonenumbers

_REGION: Final = "EG"
_MAX_CHARS: Final = 40
# What people put between digits. Letters are refused although the library would read them as keys of a phone.
_MARKS: Final = frozenset("+＋()-./ \u00a0\u2010\u2011\u2012\u2013")


def read_egyptian_mobile(text: str) -> str | None:
    """The number in E.164, by Google's numbering data; None when it is no Egyptian mobile of an assigned prefix."""
    if len(text) > _MAX_CHARS:
        return None
    # A number copied out of a chat is wrapped in invisible direction marks.
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf").strip()
    if not all(char.isdecimal() or char in _MARKS for char in visible):
        return None
    try:
        number = phonenumbers.parse(visible, _REGION)
    except phonenumbers.NumberParseException:
        return None
    is_mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.extension or not is_mobile or not phonenumbers.is_valid_number_for_region(number, _REGION):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
