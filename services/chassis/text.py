"""Text from people: normalised, measured in characters, and free of what breaks displays."""

from __future__ import annotations

import unicodedata
from typing import Final

from services.chassis.errors import invalid

# NFC may shorten text at most this much; longer input is refused before any work is done on it.
_NORMALISATION_SLACK: Final = 4
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MULTILINE_CONTROLS: Final = frozenset("\n\t")
_LINE_SEPARATORS: Final = frozenset("\u2028\u2029")


def clean_text(value: str, field: str, min_chars: int, max_chars: int, *, multiline: bool = False) -> str:
    """The text in NFC, or AppError INVALID_ARGUMENT naming `field`.

    Limits count code points after normalisation. Blank text counts as empty. CR LF becomes LF. A single line loses the
    space around it; a multi-line text is kept as it was written. Refused: unpaired surrogates, control characters
    (LF and TAB pass in multi-line text) and bidirectional embeddings, overrides and isolates; the marks U+200E,
    U+200F and U+061C and the joiners pass.
    """
    if len(value) > max_chars * _NORMALISATION_SLACK:
        raise invalid(field, f"must be at most {max_chars} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(field, "must be valid Unicode") from None
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
    if not multiline:
        text = text.strip()
    for character in text:
        if character in _BIDI_CONTROLS:
            raise invalid(field, "must not contain bidirectional control characters")
        if _is_refused_control(character, multiline=multiline):
            raise invalid(field, "must not contain control characters")
    if len(text) > max_chars:
        raise invalid(field, f"must be at most {max_chars} characters")
    if len(text) < min_chars or (min_chars > 0 and not text.strip()):
        raise invalid(field, f"must be at least {min_chars} characters" if min_chars > 1 else "must not be empty")
    return text


def _is_refused_control(character: str, *, multiline: bool) -> bool:
    if multiline and character in _MULTILINE_CONTROLS:
        return False
    if not multiline and character in _LINE_SEPARATORS:
        return True
    return unicodedata.category(character) in {"Cc", "Cs"}
