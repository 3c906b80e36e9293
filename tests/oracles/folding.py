"""Muted words in the plainest Python: text as people read it, and whether it has a phrase."""

from __future__ import annotations

from collections.abc import Iterable

# Combining accents, harakat, Quranic marks, the dagger alef and tatweel.
MARKS = {
    "\u0640",
    "\u0670",
    *map(chr, range(0x0300, 0x0370)),
    *map(chr, range(0x0610, 0x061B)),
    *map(chr, range(0x064B, 0x0660)),
    *map(chr, range(0x06D6, 0x06DD)),
    *map(chr, range(0x06DF, 0x06E9)),
    *map(chr, range(0x06EA, 0x06EE)),
}
ALIKE = str.maketrans("أإآٱىئةؤ", "ااااييهو")


def words(text: str) -> list[str]:
    """The words of a text, folded; what is no letter, digit, mark or underscore separates them."""
    spaced = "".join(one if one.isalnum() or one == "_" or one in MARKS else " " for one in text)
    return [folded for word in spaced.split(" ") if (folded := fold(word))]


def fold(word: str) -> str:
    """A word without case and marks, like letters alike."""
    # Letter by letter: what a letter becomes must not depend on where in the word it stands.
    lower = "".join(letter.lower() for letter in word)
    return "".join(letter for letter in lower if letter not in MARKS).translate(ALIKE)


def hides(text: str, phrases: Iterable[str]) -> bool:
    """Whether the words of a phrase stand in the text, one after the other."""
    found = words(text)
    for phrase in map(words, phrases):
        starts = range(len(found) - len(phrase) + 1)
        if phrase and any(found[at : at + len(phrase)] == phrase for at in starts):
            return True
    return False
