"""What a password may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.password import given_password, new_password
from services.chassis.errors import AppError, ErrorKind


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Mn", "Mc"]), min_size=8, max_size=64))
def test_any_characters_make_a_password(text: str) -> None:
    if len(given_password(text)) >= 8:
        assert new_password(text) == given_password(text)


@pytest.mark.parametrize("text", ["", "1234567", "كلمةسر", "a" * 129, "a" * 1_000_000])
def test_too_short_and_too_long_are_refused_by_name(text: str) -> None:
    with pytest.raises(AppError) as caught:
        new_password(text)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.field_violations] == ["password"]
    assert not text or text not in str(caught.value)


def test_code_points_are_counted_not_bytes() -> None:
    assert new_password("كلمة سرية") == "كلمة سرية"
    assert len(new_password("😀" * 128)) == 128


def test_both_compositions_of_a_letter_are_one_password() -> None:
    assert new_password("re\u0301sume\u0301 2026") == new_password("r\u00e9sum\u00e9 2026")
    # Alef with hamza above, composed and not.
    assert new_password("\u0627\u0654حمد احمد") == new_password("\u0623حمد احمد")


def test_a_short_password_may_be_tried_but_an_endless_one_not() -> None:
    assert given_password("123") == "123"
    for text in ("", "x" * 129):
        with pytest.raises(AppError):
            given_password(text)
