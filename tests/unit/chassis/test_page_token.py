"""Page tokens open only where they were sealed."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import AppError
from services.chassis.page_token import PageTokens

TOKENS = PageTokens(b"p" * 32)
FIELDS: dict[str, int | str] = {"offset": 20, "nonce": "abc", "name": "دايرة"}


def refused(tokens: PageTokens, token: str, method: str = "ListPosts", viewer: int = 7) -> None:
    with pytest.raises(AppError) as caught:
        tokens.open(token, method, viewer)
    assert caught.value.reason == "PAGE_TOKEN_INVALID"


def test_round_trip() -> None:
    assert TOKENS.open(TOKENS.seal("ListPosts", 7, FIELDS), "ListPosts", 7) == FIELDS


def test_foreign_tokens() -> None:
    token = TOKENS.seal("ListPosts", 7, FIELDS)
    refused(TOKENS, token, viewer=8)
    refused(TOKENS, token, viewer=0)
    refused(TOKENS, token, method="ListLikes")
    refused(PageTokens(b"q" * 32), token)


def test_every_altered_character_is_noticed() -> None:
    token = TOKENS.seal("ListPosts", 7, FIELDS)
    for index, character in enumerate(token):
        for other in "A_" if character not in "A_" else "z":
            refused(TOKENS, token[:index] + other + token[index + 1 :])
    for changed in (token[:-1], token + "A", token + "=", "", " " + token, token[:20]):
        refused(TOKENS, changed)


def test_the_last_character_has_one_spelling() -> None:
    token = TOKENS.seal("ListPosts", 7, {"o": 1})
    accepted = [c for c in string.ascii_letters + string.digits + "-_" if _opens(token[:-1] + c)]
    assert accepted == [token[-1]]


@given(st.text(max_size=2000))
def test_anything_else_is_refused(token: str) -> None:
    refused(TOKENS, token)


@given(st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=20), max_size=5))
def test_any_fields_round_trip(fields: dict[str, int | str]) -> None:
    assert TOKENS.open(TOKENS.seal("M", 1, fields), "M", 1) == fields


def test_limits() -> None:
    with pytest.raises(ValueError, match="cursor"):
        TOKENS.seal("M", 1, {"x": "y" * 13_000})
    with pytest.raises(ValueError, match="32 bytes"):
        PageTokens(b"short")


def _opens(token: str) -> bool:
    try:
        TOKENS.open(token, "ListPosts", 7)
    except AppError:
        return False
    return True
