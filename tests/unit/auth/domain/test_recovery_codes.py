"""Recovery codes: a hundred and twenty bits, read however they were copied."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.adapters.factor_mint import FactorMint
from services.auth.domain.recovery_codes import new_recovery_code, read_recovery_code
from services.chassis.errors import AppError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_code_is_twenty_four_of_thirty_two() -> None:
    seen: list[str] = []

    def choose(alphabet: str) -> str:
        seen.append(alphabet)
        return secrets.choice(alphabet)

    code = new_recovery_code(choose)
    assert [len(group) for group in code.split("-")] == [4] * 6
    assert seen == [ALPHABET] * 24


@given(st.sampled_from([16, 24]).flatmap(lambda n: st.text(alphabet=ALPHABET, min_size=n, max_size=n)), st.data())
def test_however_it_was_copied_it_is_read(code: str, data: st.DataObject) -> None:
    misread = {"0": "0oO٠۰", "1": "1iIlL١۱", "5": "5٥۵"}
    typed = "".join(
        data.draw(st.sampled_from(["", "", "-", " ", "\u2013", "\u00a0", "\u200f"]))
        + data.draw(st.sampled_from(misread.get(char, char + char.lower())))
        for char in code
    )
    assert read_recovery_code(typed) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4Q7M",
        "U" * 16,
        "4Q7M-0XKD-93ZT-B2WN-1",
        "4Q7M-0XKD-93ZT-B2WN-7CRA-EJ5",
        "A" * 25,
        "½" * 16,
        "كود",
        "A" * 10**6,
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(AppError) as caught:
        read_recovery_code(text)
    assert [violation.field for violation in caught.value.field_violations] == ["recovery_code"]


def test_hashes_are_of_one_account_and_one_key() -> None:
    one, other = FactorMint(bytes(32)), FactorMint(bytes([1]) * 32)
    assert one.hash_recovery_code(7, "A" * 16) == one.hash_recovery_code(7, "A" * 16)
    hashes = {one.hash_recovery_code(7, "A" * 16), one.hash_recovery_code(8, "A" * 16)}
    hashes |= {other.hash_recovery_code(7, "A" * 16), one.hash_recovery_code(7, "B" * 16)}
    assert len(hashes) == 4


def test_ten_codes_that_all_differ() -> None:
    codes = FactorMint(bytes(32)).new_recovery_codes()
    assert len({read_recovery_code(code) for code in codes}) == 10
