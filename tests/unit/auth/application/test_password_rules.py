"""New passwords: those that leaked, that everybody guesses, or that lie at hand are refused, in plain words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.adapters.breached_password_file import BreachedPasswordFile
from services.auth.adapters.guessed_passwords import GuessedPasswords
from services.auth.application.password_rules import PasswordRules
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.chassis.config import SettingsError
from services.chassis.errors import AppError

PHONE = Identifier(IdentifierKind.PHONE, "+201001234567")
EMAIL = Identifier(IdentifierKind.EMAIL, "mona.hassan@example.com")
GUESSED = GuessedPasswords()


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def leaked(path: Path, passwords: Iterable[str], end: str = "\r\n") -> BreachedPasswordFile:
    path.write_bytes("".join(f"{line}:7{end}" for line in sorted(digest(each) for each in passwords)).encode())
    return BreachedPasswordFile(path)


def test_the_list_has_its_tens_of_thousands() -> None:
    assert len(GUESSED) > 25_000


@pytest.mark.parametrize(
    "password",
    [
        "password", "PASSWORD", "PassWord1", "password2026!", "password٢٠٢٦",
        "12345678", "١٢٣٤٥٦٧٨", "qwertyuiop", "q w e r t y u i o p", "بسم الله الرحمن الرحيم",
        "الحَمدُ لله", "الأهلي ١٩٠٧", "01001234567", "٠١٠٠١٢٣٤٥٦٧", "+201001234567!",
        "daira2026", "دايرة ٢٠٢٦", "دائرة دائرة", "DairaPassword1", "mona.hassan",
        "monahassan99", "mona.hassan@example.com",
    ],
)  # fmt: skip
async def test_what_everybody_would_try_is_refused(password: str) -> None:
    with pytest.raises(AppError) as caught:
        await PasswordRules(GUESSED).accept(password, PHONE, EMAIL)
    assert caught.value.reason == "PASSWORD_BREACHED"
    assert [violation.field for violation in caught.value.field_violations] == ["password"]
    # Those two are words of the field's name and the reason.
    assert password.lower() == "password" or password not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    [
        "long enough", "كلمة طويلة جدا", "xkcd936!", "aaaaaaaaaaaab",
        "🦊🦊🦊🦊🦊🦊🦊🦊", "the daira of my friends", "🔑" * 128, " leading space",
    ],
)  # fmt: skip
async def test_any_other_is_taken_whatever_its_characters(password: str) -> None:
    assert await PasswordRules(GUESSED).accept(password, PHONE, EMAIL) == password


async def test_of_the_names_of_others_nothing_is_refused() -> None:
    assert await PasswordRules(GUESSED).accept("mona.hassan.a", PHONE)


@settings(max_examples=60)
@given(known=st.sets(st.text(max_size=6), min_size=1, max_size=40), asked=st.text(max_size=6))
def test_the_file_has_what_it_has(tmp_path_factory: pytest.TempPathFactory, known: set[str], asked: str) -> None:
    encodable = {each for each in known if each.isprintable()} | {"one"}
    path = tmp_path_factory.mktemp("leaked") / "hashes"
    for end in ("\r\n", "\n"):
        file = leaked(path, encodable, end)
        try:
            for each in encodable:
                assert file._find(digest(each).encode())
            assert file._find(digest("x" + asked * 2).encode()) is ("x" + asked * 2 in encodable)
        finally:
            file.close()


async def test_a_leaked_password_is_refused(tmp_path: Path) -> None:
    file = leaked(tmp_path / "hashes", ["long enough", "كلمة طويلة جدا"])
    rules = PasswordRules(GUESSED, file)
    for password in ("long enough", "كلمة طويلة جدا"):
        with pytest.raises(AppError, match="leaked elsewhere"):
            await rules.accept(password, PHONE)
    assert await rules.accept("long enough!", PHONE)
    file.close()


@pytest.mark.parametrize("content", [b"", b"hello\n", b"Z" * 40 + b"\n", None])
def test_a_wrong_file_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "hashes").write_bytes(content)
    with pytest.raises(SettingsError, match="AUTH_BREACHED_PASSWORDS_FILE"):
        BreachedPasswordFile(tmp_path / "hashes")
