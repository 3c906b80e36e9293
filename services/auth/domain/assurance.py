"""How surely a session is its owner's: what was proved, when, and what that allows."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final


class Method(enum.IntFlag):
    """A way to show who one is. Values are stored."""

    PASSWORD = 1
    CODE = 2
    TOTP = 4
    PASSKEY = 8
    RECOVERY_CODE = 16


class Scope(enum.IntFlag):
    """A part of the platform that a session may use. Values are stored, names go into access tokens."""

    ACCOUNT = 1
    SOCIAL = 2
    PAYMENTS = 4


class Role(enum.IntFlag):
    """What a person may do for others. Values are stored, names go into access tokens."""

    SUPPORT = 1
    MODERATOR = 2
    ADMIN = 4


ALL_SCOPES: Final = Scope.ACCOUNT | Scope.SOCIAL | Scope.PAYMENTS

# A passkey is two factors in one: the device is held, and was unlocked by what its owner knows or is.
_SUFFICIENT_ALONE: Final = Method.PASSKEY


@dataclass(frozen=True, slots=True)
class Proof:
    """What a session's owner has proved, and when the last of it, in UTC."""

    methods: Method
    proved_at: datetime

    @property
    def level(self) -> int:
        """1 or 2, see `level_of`."""
        return level_of(self.methods)

    def strengthened(self, method: Method, at: datetime) -> Proof:
        """The proof with one more."""
        return Proof(self.methods | method, at)


def level_of(methods: Method) -> int:
    """2 with two factors, which a passkey is by itself, else 1 (the levels of NIST SP 800-63B).

    A code by message shows that a number is held; alone it is never enough for 2 (ASVS 5.0, 6.3.3). The same method
    twice is one factor.
    """
    return 2 if methods & _SUFFICIENT_ALONE or methods.bit_count() > 1 else 1
