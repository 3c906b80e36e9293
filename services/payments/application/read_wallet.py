"""Reading one's own wallet and its statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.payments.application.ports import Wallets
from services.payments.domain.wallets import Wallet, WalletEntry, page_length

# Above every number a line can have.
_BEGINNING: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Lines of a statement, newest first; `next_before` goes into the next page's token, None at the end."""

    entries: Sequence[WalletEntry]
    next_before: int | None


class ReadWallet:
    """Answers what a wallet holds and how it came to."""

    def __init__(self, wallets: Wallets) -> None:
        self._wallets = wallets

    async def wallet(self, user_id: int) -> Wallet:
        """The person's wallet, opened on first use. AppError UNAVAILABLE when the ledger is away."""
        return await self._wallets.open(user_id)

    async def statement(self, user_id: int, *, page_size: int, before: int | None) -> StatementPage:
        """A page of lines numbered below `before` (None: from the newest). AppError for a bad size, or UNAVAILABLE."""
        length = page_length(page_size)
        found = await self._wallets.entries(user_id, before=before or _BEGINNING, limit=length + 1)
        page = found[:length]
        return StatementPage(page, page[-1].number if len(found) > length else None)
