"""Second factors: which there are, and when they may be changed."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.auth.domain.assurance import Method, level_of
from services.chassis.errors import AppError, ErrorKind

MAX_PASSKEYS: Final = 20
MAX_NAME_CHARS: Final = 64
# How long ago the proof may lie that changes factors and passwords.
FRESH: Final = timedelta(minutes=10)
# How long a secret of an authenticator app waits to be confirmed.
PENDING_LIFE: Final = timedelta(minutes=10)
_STRONG: Final = 2


class FactorKind(enum.Enum):
    """A second factor that an account has. Values are those of the events' contract."""

    TOTP = 1
    PASSKEY = 2


class Factor(enum.Enum):
    """What answers a challenge."""

    TOTP = enum.auto()
    PASSKEY = enum.auto()
    RECOVERY_CODE = enum.auto()
    PASSWORD = enum.auto()


METHOD_OF: Final = {
    Factor.TOTP: Method.TOTP,
    Factor.PASSKEY: Method.PASSKEY,
    Factor.RECOVERY_CODE: Method.RECOVERY_CODE,
    Factor.PASSWORD: Method.PASSWORD,
}


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account can prove itself with."""

    has_password: bool
    has_totp: bool
    passkeys: int
    recovery_codes: int

    @property
    def has_second_factor(self) -> bool:
        """Whether its sessions need two factors."""
        return self.has_totp or self.passkeys > 0

    def second_factors(self) -> tuple[Factor, ...]:
        """What answers a challenge at sign-in, the strongest first; a recovery code stands for one that is there."""
        if not self.has_second_factor:
            return ()
        held = (
            (Factor.PASSKEY, self.passkeys),
            (Factor.TOTP, self.has_totp),
            (Factor.RECOVERY_CODE, self.recovery_codes),
        )
        return tuple(factor for factor, has in held if has)

    def step_up_factors(self) -> tuple[Factor, ...]:
        """What proves again who one is. The password does only where it is all there is."""
        return self.second_factors() or ((Factor.PASSWORD,) if self.has_password else ())

    def recommended(self) -> tuple[Factor, ...]:
        """What would make the account stronger, the strongest first (ASVS 5.0, 6.6.1)."""
        wanted = [Factor.PASSKEY] if not self.passkeys else []
        if not self.has_totp and not self.passkeys:
            wanted.append(Factor.TOTP)
        if self.has_second_factor and not self.recovery_codes:
            wanted.append(Factor.RECOVERY_CODE)
        return tuple(wanted)


@dataclass(frozen=True, slots=True)
class Standing:
    """A live session and its account. `name` is the account's, masked."""

    methods: Method
    proved_at: datetime
    holdings: Holdings
    name: str

    def require_fresh(self, now: datetime) -> None:
        """AppError UNAUTHENTICATED, reason STEP_UP_NEEDED, when the session may not change factors.

        It needs a proof of the last ten minutes, and two factors once the account has a second.
        """
        needed = _STRONG if self.holdings.has_second_factor else 1
        if level_of(self.methods) < needed or now - self.proved_at > FRESH:
            raise step_up_needed(needed)


def step_up_needed(level: int) -> AppError:
    """The same error as of a method whose access option asks for it."""
    return AppError(
        ErrorKind.UNAUTHENTICATED,
        "STEP_UP_NEEDED",
        "prove again who you are",
        metadata={"min_level": str(level), "max_age_s": str(FRESH // timedelta(seconds=1))},
    )


def may_set_password(standing: Standing) -> bool:
    """Whether a password may be set without the one there is: it was forgotten, and the session shows another proof."""
    return not standing.holdings.has_password or bool(standing.methods & (Method.CODE | Method.PASSKEY))
