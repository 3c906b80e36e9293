"""Every spelling of an Egyptian mobile is one phone, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.adapters.identifier_reader import IdentifierReader
from services.auth.application.ports import RawIdentifier
from services.auth.domain.identifier import IdentifierKind
from services.chassis.errors import AppError, ErrorKind

ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
PREFIXES = ("+20", "0020", "0", "", "+20 ", "+2 0", "002 0", "20", "(+20)", "+20(0)")


def phone(text: str) -> str:
    identifier = IdentifierReader().read(RawIdentifier(phone=text))
    assert identifier.kind is IdentifierKind.PHONE
    return identifier.value


def email(text: str) -> str:
    return IdentifierReader().read(RawIdentifier(email=text)).value


def refused(raw: RawIdentifier) -> AppError:
    with pytest.raises(AppError) as caught:
        IdentifierReader().read(raw)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
    assert caught.value.reason == "FIELD_INVALID"
    return caught.value


@given(
    network=st.sampled_from(["10", "11", "12", "15"]),
    subscriber=st.integers(0, 99_999_999),
    prefix=st.sampled_from(PREFIXES),
    digits=st.sampled_from([{}, ARABIC_INDIC, PERSIAN, FULL_WIDTH]),
    gaps=st.lists(st.integers(0, 9), max_size=4),
    mark=st.sampled_from([" ", "-", ".", "\u00a0", "\u200f", "\u2010"]),
)
def test_every_spelling_is_one_phone(
    network: str, subscriber: int, prefix: str, digits: dict[int, int], gaps: list[int], mark: str
) -> None:
    national = f"{network}{subscriber:08d}"
    spaced = "".join(mark + digit if place in gaps and place else digit for place, digit in enumerate(national))
    try:
        expected = phone(f"+20{national}")
    except AppError:
        # Some ranges of a network are not assigned; then no spelling of them is.
        refused(RawIdentifier(phone=(prefix + spaced).translate(digits)))
        return
    assert expected == f"+20{national}"
    assert phone((prefix + spaced).translate(digits)) == expected
    assert phone("\u202a" + prefix + spaced + "\u202c") == expected


@given(st.text(max_size=60))
def test_any_text_is_a_phone_or_one_clear_error(text: str) -> None:
    try:
        read = phone(text)
    except AppError:
        error = refused(RawIdentifier(phone=text))
        assert [violation.field for violation in error.field_violations] == ["identifier.phone"]
    else:
        assert read.startswith("+201")


@pytest.mark.parametrize(
    "text",
    ["", " ", "+", "01301234567", "01401234567", "0223456789", "+20223456789", "+966501234567", "+14155552671",
     "0100123456", "010012345678", "0100CALLNOW", "01001234567 ext 5", "01001234567;ext=5", "tel:01001234567",
     "0" * 41, "19777", "122"],
)  # fmt: skip
def test_what_is_no_egyptian_mobile_is_refused(text: str) -> None:
    assert text == "" or text.strip() == "" or text not in str(refused(RawIdentifier(phone=text)).message)


def test_arabic_digits_in_the_wild() -> None:
    assert phone("٠١٠٠١٢٣٤٥٦٧") == phone("010 0123 4567") == phone("+20 100 123 4567") == "+201001234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Ahmed.Ali@EXAMPLE.Com", "Ahmed.Ali@example.com"), ("  a@b.co ", "a@b.co"),
     ("user+tag@Sub.Example.org", "user+tag@sub.example.org")],
)  # fmt: skip
def test_the_domain_of_an_email_is_lower_case(text: str, expected: str) -> None:
    assert email(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "a", "@example.com", "a@", "a@b", "a b@example.com", "a@exa mple.com", "a@@example.com",
     "a@[127.0.0.1]", "x" * 65 + "@example.com", "a@" + "b" * 250 + ".com", "a\n@example.com", "\x00@example.com"],
)  # fmt: skip
def test_what_is_no_email_is_refused_without_repeating_it(text: str) -> None:
    error = refused(RawIdentifier(email=text))
    assert [violation.field for violation in error.field_violations] == ["identifier.email"]
    assert len(text) < 2 or text not in str(error)


def test_no_name_at_all_is_refused() -> None:
    assert [violation.field for violation in refused(RawIdentifier()).field_violations] == ["identifier"]
