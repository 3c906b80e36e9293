"""What a post is: its text's language and kind, found from the words themselves."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from services.chassis.errors import AppError, ErrorKind

BODY_CHARS_MAX: Final = 1000
# Arabic letters in Unicode's blocks Arabic, Supplement, Extended-A and the presentation forms.
_ARABIC: Final = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
_LATIN: Final = re.compile(r"[A-Za-z]")
_LINK: Final = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
_NOT_WORDS: Final = re.compile(r"https?://\S+|[@#]\S+", re.IGNORECASE)


class PostKind(IntEnum):
    """Kinds as daira.social.v1.PostKind numbers them."""

    TEXT = 1
    LINK = 2
    QUESTION = 3
    REPOST = 4


def language_of(body: str) -> str:
    """BCP 47 tag by the script of most letters, links and mentions left out: "ar", "en" or "und"."""
    words = _NOT_WORDS.sub(" ", body)
    arabic, latin = len(_ARABIC.findall(words)), len(_LATIN.findall(words))
    if arabic == latin == 0:
        return "und"
    return "ar" if arabic >= latin else "en"


def kind_of(body: str) -> PostKind:
    """A link makes LINK; else a question mark, Arabic or Latin, at the end of a line or sentence makes QUESTION."""
    if _LINK.search(body):
        return PostKind.LINK
    if re.search(r"[?؟]+\s*($|\n|[^\w\s])", body):
        return PostKind.QUESTION
    return PostKind.TEXT


def post_not_found() -> AppError:
    """Unknown and deleted posts look the same."""
    return AppError(ErrorKind.NOT_FOUND, "POST_NOT_FOUND", "there is no such post")


def shard_of_author(author_id: int) -> int:
    """The author's logical shard, which every post id of theirs carries."""
    return author_id >> 12 & 1023
