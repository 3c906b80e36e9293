"""Text is normalised, measured in characters, and free of what breaks displays."""

from __future__ import annotations

import pytest

from services.chassis.errors import AppError, ErrorKind
from services.chassis.text import clean_text


def refused(value: str, **options: bool) -> str:
    with pytest.raises(AppError) as caught:
        clean_text(value, "body", 1, 10, **options)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
    assert caught.value.field_violations[0].field == "body"
    return caught.value.field_violations[0].description


def test_composed() -> None:
    assert clean_text("cafe\u0301", "body", 1, 4) == "café"


@pytest.mark.parametrize("value", ["", " ", "\n", "\u00a0\t\u3000"])
def test_blank_is_empty(value: str) -> None:
    assert refused(value, multiline=True) == "must not be empty"


def test_limits_count_characters() -> None:
    assert clean_text("😀" * 10, "body", 1, 10) == "😀" * 10
    assert clean_text("e\u0301" * 10, "body", 1, 10) == "é" * 10
    assert "at most 10" in refused("ا" * 11)
    assert "at most 10" in refused("ا" * 10_000_000)
    with pytest.raises(AppError, match="at least 3"):
        clean_text("ab", "body", 3, 10)


@pytest.mark.parametrize("control", [0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069])
def test_bidirectional_controls(control: int) -> None:
    assert "bidirectional" in refused(f"a{chr(control)}b", multiline=True)


@pytest.mark.parametrize("mark", [0x200C, 0x200D, 0x200E, 0x200F, 0x061C])
def test_marks_and_joiners_pass(mark: int) -> None:
    assert clean_text(f"a{chr(mark)}b", "body", 1, 10) == f"a{chr(mark)}b"


@pytest.mark.parametrize("value", ["a\0b", "a\x7fb", "a\rb", "a\x85b", "a\x1bb"])
def test_controls(value: str) -> None:
    assert "control" in refused(value, multiline=True)


def test_unpaired_surrogates() -> None:
    assert "Unicode" in refused("a\ud800b")


def test_lines() -> None:
    assert clean_text("a\r\nb\tc", "body", 1, 10, multiline=True) == "a\nb\tc"
    assert "control" in refused("a\nb")
    assert "control" in refused("a\u2028b")


def test_space_around() -> None:
    assert clean_text("  منى  ", "name", 1, 10) == "منى"
    assert clean_text("  منى  ", "body", 1, 10, multiline=True) == "  منى  "
