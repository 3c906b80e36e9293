"""What a code looks like, and the message that carries it."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.codes import looks_like_flow_token, message_text, read_code
from services.auth.domain.device import read_device_id
from services.chassis.errors import AppError

DIGITS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")
TWO_MESSAGES = 134


@given(st.integers(0, 999_999), st.sampled_from(DIGITS), st.sampled_from(["", " ", "-", "\u00a0"]))
def test_all_spellings_of_a_code_are_one(number: int, digits: str, between: str) -> None:
    code = f"{number:06d}"
    typed = code.translate(str.maketrans("0123456789", digits))
    assert read_code(f"\u2067{typed[:3]}{between}{typed[3:]}\u2069 ") == code


@given(st.text(max_size=40))
def test_whatever_is_typed_is_six_ascii_digits_or_refused(text: str) -> None:
    code = "012345"
    with contextlib.suppress(AppError):
        code = read_code(text)
    assert re.fullmatch("[0-9]{6}", code)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "½23456", "²23456", "12345x", "1" * 6 + " " * 100])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(AppError):
        read_code(text)


def test_a_device_is_named_in_url_safe_characters_or_not_at_all() -> None:
    assert read_device_id("") == ""
    assert read_device_id("Abc_-0123456789x") == "Abc_-0123456789x"
    for text in ("short", "x" * 65, "with space in it, no", "جهازي-الجديد-الأول"):
        with pytest.raises(AppError):
            read_device_id(text)


def test_a_flow_token_has_one_form() -> None:
    assert looks_like_flow_token("A" * 43)
    assert not any(looks_like_flow_token(text) for text in ("", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 43 + "\n"))


def test_the_message_is_arabic_first_and_can_be_filled_in() -> None:
    lines = message_text("012345", "daira.example").splitlines()
    assert lines[0] == "رمز دائرة: 012345"
    # The form that iOS and WebOTP read: the last line, nothing after it.
    assert lines[-1] == "@daira.example #012345"
    assert "@" not in message_text("012345", "")


def test_the_message_costs_two_parts_at_most() -> None:
    assert len(message_text("012345", "a" * 37 + ".eg")) <= TWO_MESSAGES
