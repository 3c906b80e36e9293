"""Language and kind are read from a post's own words."""

from __future__ import annotations

import pytest

from services.chassis.ids import compose, shard_of
from services.social.domain.post import PostKind, kind_of, language_of, shard_of_author


@pytest.mark.parametrize(
    ("body", "language"),
    [
        ("مساء الخير يا جماعة", "ar"),
        ("good evening everybody", "en"),
        ("شفت فيلم Inception امبارح", "ar"),
        ("this قهوة is lovely coffee", "en"),
        ("https://example.com/very/long/latin/path مقال", "ar"),
        ("@somebody #hashtag كلام", "ar"),
        ("123 !!! 🎉", "und"),
        ("https://example.com", "und"),
        ("Привет", "und"),
        ("ﻣﺮﺣﺒﺎ", "ar"),
        ("abc ابت", "ar"),
    ],
)
def test_language_is_that_of_most_letters(body: str, language: str) -> None:
    assert language_of(body) == language


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("صباح الفل", PostKind.TEXT),
        ("اقرأ https://example.com", PostKind.LINK),
        ("WWW.example.com", PostKind.LINK),
        ("رأيت https://example.com؟", PostKind.LINK),
        ("هل من جديد؟", PostKind.QUESTION),
        ("really?", PostKind.QUESTION),
        ("really?! yes", PostKind.QUESTION),
        ("إيه ده؟؟؟\nمش فاهم", PostKind.QUESTION),
        ("سؤال ؟ 😂", PostKind.QUESTION),
        ("a?b", PostKind.TEXT),
        ("awww.what", PostKind.TEXT),
        ("http://", PostKind.TEXT),
    ],
)
def test_kind(body: str, kind: PostKind) -> None:
    assert kind_of(body) is kind


@pytest.mark.timeout(5)
@pytest.mark.parametrize("body", ["?" * 1000, "? " * 500, "?" + " " * 998 + "a", "www." * 250, "http" * 250])
def test_hostile_texts_take_no_time(body: str) -> None:
    kind_of(body)
    language_of(body)


def test_a_post_carries_its_authors_shard() -> None:
    author = compose(1_780_000_000_000, 513, 7)
    assert shard_of_author(author) == shard_of(author) == 513
