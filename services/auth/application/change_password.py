"""Changes a password, or sets the first one."""

from __future__ import annotations

from services.auth.application.factor_ports import Passwords
from services.auth.application.factor_records import PasswordAccount
from services.auth.application.password_rules import PasswordRules
from services.auth.application.ports import PasswordHasher
from services.auth.domain.challenges import ChallengeRules
from services.auth.domain.factors import may_set_password
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.auth.domain.password import given_password
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, exhausted, failed_precondition, unauthenticated


class ChangePassword:
    """The use cases. `user_id` and `session_id` are the caller's; both answer how many other sessions were ended.

    AppError INVALID_ARGUMENT, also reason PASSWORD_BREACHED; UNAUTHENTICATED, reason TOKEN_REVOKED or STEP_UP_NEEDED;
    RESOURCE_EXHAUSTED, reason OVERLOADED.
    """

    def __init__(
        self,
        passwords: Passwords,
        hasher: PasswordHasher,
        rules: PasswordRules,
        challenge_rules: ChallengeRules,
        clock: Clock,
    ) -> None:
        self._passwords = passwords
        self._hasher = hasher
        self._rules = rules
        self._challenge_rules = challenge_rules
        self._clock = clock

    async def change(self, user_id: int, session_id: int, current_text: str, new_text: str, *, end_others: bool) -> int:
        """Put a new password in place of the current one; UNAUTHENTICATED, reason CREDENTIALS_INVALID, when wrong."""
        now, current = self._clock.now(), given_password(current_text)
        account = await self._passwords.find(user_id, session_id, now)
        account.standing.require_fresh(now)
        new = await self._accepted(account, new_text)
        with self._hasher.place() as place:
            wait_ms = await self._passwords.reserve_guess(user_id, now, self._challenge_rules)
            if wait_ms is not None:
                raise exhausted("too many wrong answers on this account", wait_ms)
            if not await place.verify(account.password_hash, current):
                raise _wrong()
        new_hash = await self._hasher.hash(new)
        ended = await self._passwords.replace(
            user_id, session_id, account.password_hash, new_hash, now, end_others=end_others
        )
        if ended is None:
            # Changed meanwhile: the current one is current no more.
            raise _wrong()
        return ended

    async def set(self, user_id: int, session_id: int, new_text: str, *, end_others: bool) -> int:
        """Set a password without one; FAILED_PRECONDITION, reason PASSWORD_NEEDED, when it must be changed instead."""
        now = self._clock.now()
        account = await self._passwords.find(user_id, session_id, now)
        account.standing.require_fresh(now)
        if not may_set_password(account.standing):
            raise failed_precondition("the account has a password: change it", "PASSWORD_NEEDED")
        new = await self._accepted(account, new_text)
        new_hash = await self._hasher.hash(new)
        ended = await self._passwords.replace(
            user_id, session_id, account.password_hash, new_hash, now, end_others=end_others
        )
        if ended is None:
            raise AppError(ErrorKind.ABORTED, "PASSWORD_NEEDED", "the password was changed meanwhile")
        return ended

    async def _accepted(self, account: PasswordAccount, text: str) -> str:
        names = [
            Identifier(kind, value)
            for kind, value in ((IdentifierKind.PHONE, account.phone), (IdentifierKind.EMAIL, account.email))
            if value
        ]
        return await self._rules.accept(text, *names)


def _wrong() -> AppError:
    return unauthenticated("CREDENTIALS_INVALID", "the current password is wrong")
