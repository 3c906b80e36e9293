"""Shows the caller's own account, its names masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.auth.application.ports import Accounts
from services.auth.domain.identifier import mask_email, mask_phone
from services.chassis.clock import Clock
from services.chassis.errors import token_revoked


@dataclass(frozen=True, slots=True)
class MaskedAccount:
    """An account as it is shown."""

    user_id: int
    masked_phone: str
    masked_email: str
    created_at: datetime


class GetAccount:
    """The use case. Here, at the owner of sessions, a token of an ended one is worth nothing at once."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, user_id: int, session_id: int) -> MaskedAccount:
        """The account; AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when the session has ended."""
        account = await self._accounts.get(user_id, session_id, self._clock.now())
        if account is None:
            raise token_revoked()
        return MaskedAccount(account.user_id, mask_phone(account.phone), mask_email(account.email), account.created_at)
