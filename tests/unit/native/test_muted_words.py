"""Muted words hide the posts that plain-Python folding says they hide."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daira.social.v1 import post_pb2
from daira_native import fold_words, hide_muted
from tests.oracles import folding as oracle

# What people write: few words in many spellings, marks, tatweel, case, and what stands between words.
WORDS = ["أهلي", "الأهلى", "اهلي", "القَاهِـرَة", "القاهره", "مسؤول", "ٱلله", "على", "Spoiler", "ÉTÉ", "_x1", "ـ", "ً"]
BETWEEN = [" ", "", "، ", "#", "! ", "\n", "…", "😀", "\u200f"]
# Letters whose case and class every version of Unicode agrees on.
LETTERS = st.characters(max_codepoint=0x6FF, exclude_categories=["Cs", "Cn", "Mn", "Mc", "No", "Lm"])
written = st.lists(st.sampled_from(WORDS) | st.sampled_from(BETWEEN) | LETTERS, max_size=14).map("".join)
phrases = st.lists(st.sampled_from(WORDS) | written, max_size=4)


@given(texts=st.lists(written, max_size=6), muted=phrases)
@settings(max_examples=400, deadline=None)
def test_posts_are_hidden_as_plain_folding_says(texts: list[str], muted: list[str]) -> None:
    posts = [post_pb2.Post(post_id=7, body=text).SerializeToString() for text in texts]
    assert hide_muted(posts, muted) == [oracle.hides(text, muted) for text in texts]


@given(text=written)
@settings(max_examples=300, deadline=None)
def test_folding_is_the_plain_one_and_done_once(text: str) -> None:
    folded = fold_words(text)
    assert folded == " ".join(oracle.words(text))
    assert fold_words(folded) == folded


@pytest.mark.parametrize(
    ("text", "muted", "hidden"),
    [
        ("مبروك للأهلي", "الأهلي", False),
        ("الأهلى بطل الدوري", "الاهلي", True),
        ("ماتش كُرَةِ القَدَم النهارده", "كرة القدم", True),
        ("القدم كرة", "كرة القدم", False),
        ("نهاية المسلسل: SPOILER!", "spoiler", True),
        ("spoilers", "spoiler", False),
        ("#أهلي", "اهلي", True),
        ("أي كلام", "…", False),
    ],
)
def test_whole_words_match_however_they_are_written(text: str, muted: str, *, hidden: bool) -> None:
    assert hide_muted([post_pb2.Post(body=text).SerializeToString()], [muted]) == [hidden]


def test_what_is_no_post_is_shown() -> None:
    assert hide_muted([b"", b"\x1a\x05a", b"\xff" * 20], ["a"]) == [False] * 3


def test_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match=r"len\(words\) must be"):
        hide_muted([], ["كلمة"] * 1001)
    with pytest.raises(ValueError, match=r"len\(posts\) must be"):
        hide_muted([b""] * 10_001, [])
