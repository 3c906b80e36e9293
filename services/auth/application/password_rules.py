"""Which new passwords are taken: none that leaked, that everybody guesses, or that lies at hand."""

from __future__ import annotations

from typing import Protocol

from services.auth.domain.guessable_passwords import is_too_little, rest_without, spellings, words_at_hand
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.auth.domain.password import new_password
from services.chassis.errors import AppError, invalid


class GuessedPasswords(Protocol):
    """Passwords that everybody guesses first."""

    def __contains__(self, normal: object) -> bool:
        """Whether a normal form is among them."""
        ...


class BreachedPasswords(Protocol):
    """Passwords that leaked somewhere."""

    async def has(self, password: str) -> bool:
        """Whether the password is among them."""
        ...


class PasswordRules:
    """What ASVS 5.0, section 6.2, asks of new passwords; it asks for no mixture of kinds of characters."""

    def __init__(self, guessed: GuessedPasswords, breached: BreachedPasswords | None = None) -> None:
        self._guessed = guessed
        self._breached = breached

    async def accept(self, text: str, *names: Identifier) -> str:
        """The password as it is hashed, for the account with the `names`.

        AppError INVALID_ARGUMENT: for a wrong length; reason PASSWORD_BREACHED for one that others would guess.
        """
        password = new_password(text)
        words = words_at_hand(_value(names, IdentifierKind.PHONE), _value(names, IdentifierKind.EMAIL))
        rest = rest_without(password, words)
        if rest is not None and (is_too_little(rest) or any(form in self._guessed for form in spellings(rest))):
            raise _guessable("is made of your phone number, your e-mail or our name: choose another")
        if any(form in self._guessed for form in spellings(password)):
            raise _guessable("is one that many people use and everybody tries first: choose another")
        if self._breached is not None and await self._breached.has(password):
            raise _guessable("was found among passwords that leaked elsewhere: choose another")
        return password


def _value(names: tuple[Identifier, ...], kind: IdentifierKind) -> str:
    return next((name.value for name in names if name.kind is kind), "")


def _guessable(description: str) -> AppError:
    return invalid("password", description, reason="PASSWORD_BREACHED")
