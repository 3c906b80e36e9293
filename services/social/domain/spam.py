"""How much a text looks like spam: by its links, mentions, hashtags, shouting and repetition, in Arabic as in English.

What people do in earnest or for fun must stay near zero: stretched words and laughter (هههههه), rows of one emoji, a
prayer said three times, a link with a sentence, a phone number under a lost wallet.
"""

from __future__ import annotations

import math
import re
from typing import Final

_LINK: Final = re.compile(r"(?:https?://|www\.)\S+|\b(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}/\S*", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?<!\w)@\w+")
_HASHTAG: Final = re.compile(r"(?<!\w)#\w+")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
# Vowel marks and the stroke that stretches a line.
_MARKS: Final = re.compile(r"[\u064b-\u065f\u0670\u0640]")
_STRETCHED: Final = re.compile(r"(.)\1{2,}")
_CRIES: Final = re.compile(r"[!！]")

# Up to so many of each are nobody's spam; each one more makes the text so much more suspect, up to a limit.
_LINKS_FREE, _LINK_EACH, _LINKS_MOST = 1, 0.2, 0.7
_MENTIONS_FREE, _MENTION_EACH, _MENTIONS_MOST = 3, 0.15, 0.7
_HASHTAGS_FREE, _HASHTAG_EACH, _HASHTAGS_MOST = 5, 0.12, 0.7
_CRIES_FREE, _CRY_EACH, _CRIES_MOST = 6, 0.04, 0.3
# Arabic has no capitals, so only Latin letters shout, and acronyms are no shouting.
_CAPITALS_MIN, _CAPITALS_SHARE, _CAPITALS = 15, 0.8, 0.35
# Of so many words at least this share is different ones, or the text goes round in circles.
_WORDS_MIN, _DIFFERENT_SHARE, _CIRCLES_MOST = 15, 0.4, 0.9
# The same text again on the same day: greetings repeat themselves, announcements do not.
_GREETING_LETTERS, _SAME_GREETING, _SAME_TEXT = 20, 0.1, 0.5


def spam_percent(body: str, *, published_lately: bool = False) -> int:
    """0 for no sign of spam up to 100; `published_lately` when its author published the same text in the last day.

    Signs add up as independent probabilities do, so that no single one makes a text spam.
    """
    text = _MENTION.sub(" ", _HASHTAG.sub(" ", _LINK.sub(" ", body)))
    letters = [character for character in text if character.isalpha()]
    signs = (
        _beyond(len(_LINK.findall(body)), _LINKS_FREE, _LINK_EACH, _LINKS_MOST),
        _beyond(len(_MENTION.findall(body)), _MENTIONS_FREE, _MENTION_EACH, _MENTIONS_MOST),
        _beyond(len(_HASHTAG.findall(body)), _HASHTAGS_FREE, _HASHTAG_EACH, _HASHTAGS_MOST),
        _beyond(len(_CRIES.findall(body)), _CRIES_FREE, _CRY_EACH, _CRIES_MOST),
        _capitals(letters),
        _circles(text),
        (_SAME_TEXT if len(letters) >= _GREETING_LETTERS else _SAME_GREETING) if published_lately else 0.0,
    )
    return round(100 * (1 - math.prod(1 - sign for sign in signs)))


def _beyond(count: int, free: int, each: float, most: float) -> float:
    return min(most, each * max(0, count - free))


def _capitals(letters: list[str]) -> float:
    latin = [letter for letter in letters if letter.isascii()]
    shouted = sum(letter.isupper() for letter in latin)
    return _CAPITALS if len(latin) >= _CAPITALS_MIN and shouted >= _CAPITALS_SHARE * len(latin) else 0.0


def _circles(text: str) -> float:
    words = _WORD.findall(_STRETCHED.sub(r"\1", _MARKS.sub("", text)).casefold())
    if len(words) < _WORDS_MIN:
        return 0.0
    return _CIRCLES_MOST * max(0.0, 1 - len(set(words)) / (_DIFFERENT_SHARE * len(words)))
