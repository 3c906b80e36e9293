"""Spellings of one password, and what is left of it without words that lie at hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.guessable_passwords import (
    is_too_little,
    normal_form,
    rest_without,
    spellings,
    words_at_hand,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("كَلِمَة سرّ ١٢٣", "كلمةسر123"),
        ("PassWord۱۲", "password12"),
        ("  p a s s\u200f", "pass"),
        ("\uff50\uff41\uff53\uff53", "pass"),
    ],
)
def test_spellings_of_one_word_are_one(text: str, normal: str) -> None:
    assert normal_form(text) == normal


@given(st.text(max_size=60))
def test_a_normal_form_is_its_own(text: str) -> None:
    once = normal_form(text)
    assert normal_form(normal_form(once)) == normal_form(once)


def test_four_digits_and_a_mark_are_dropped_and_no_more() -> None:
    assert spellings("Dragon٢٠٢٦!") == ("dragon2026!", "dragon")
    assert spellings("dragon20261") == ("dragon20261", "dragon2")
    assert spellings("2026") == ("2026",)


def test_words_at_hand_are_cut_out() -> None:
    words = words_at_hand("+201001234567", "mona.ali@example.com")
    assert rest_without("دايرة 1234", words) == "1234"
    assert rest_without("٠١٠٠١٢٣٤٥٦٧x", words) == "x"
    assert rest_without("MonaAli99", words) == "99"
    assert rest_without("a quiet river", words) is None
    assert is_too_little("mm9!!!!!!!!")
    assert not is_too_little("مروحة9")
