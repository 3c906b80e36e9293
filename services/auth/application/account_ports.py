"""What the use cases of a person's own account need of the world."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from services.auth.application.ports import RawIdentifier
from services.auth.domain.codes import CodePurpose
from services.auth.domain.identifier import Identifier


class NameOutcome(enum.Enum):
    """What became of a confirmed flow. USED: another call was faster, or the account is not what it was."""

    DONE = "done"
    TAKEN = "taken"
    USED = "used"


@dataclass(frozen=True, slots=True)
class UsedFlow:
    """A flow that was confirmed a moment ago."""

    code_hash: bytes = field(repr=False)
    name_sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountState:
    """How an account stands. `email` is "" and `deletion_due_at` None when there is none; times are in UTC."""

    email: str = field(repr=False)
    is_phone_proved: bool
    is_email_verified: bool
    deletion_due_at: datetime | None


class NameReader(Protocol):
    """Reads names in any spelling."""

    def read_phone(self, text: str, field: str) -> Identifier:
        """The phone in its one normal spelling; AppError INVALID_ARGUMENT, naming `field`, when it is none."""
        ...

    def read(self, raw: RawIdentifier) -> Identifier:
        """The name in its one normal spelling; AppError INVALID_ARGUMENT when it is none."""
        ...


class Names(Protocol):
    """Names of accounts. Every method raises AppError UNAVAILABLE when the database is away."""

    async def confirm(
        self, flow_hash: bytes, purpose: CodePurpose, name: str, user_id: int, session_id: int, now: datetime
    ) -> NameOutcome:
        """Use the flow up and change or verify the name, with its event, in one statement."""
        ...

    async def reserve_repeat(
        self, flow_hash: bytes, device_hash: bytes, redeemed_after: datetime, repeats: int
    ) -> UsedFlow | None:
        """Count a repeat of a flow confirmed after a moment; None when there is none."""
        ...


class Closing(Protocol):
    """Ends of accounts. Every method raises AppError UNAVAILABLE when the database is away."""

    async def state(self, user_id: int) -> AccountState | None:
        """How the account stands; None for one that is deleted."""
        ...

    async def request(self, user_id: int, session_id: int, now: datetime, due_at: datetime) -> tuple[datetime, int]:
        """Ask for deletion, with its event, and end all sessions but one; when it is due, and how many ended.

        A request that is there stays as it is.
        """
        ...

    async def cancel(self, user_id: int) -> bool:
        """Forget the request, with its event; whether there was one."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[int]:
        """Users whose grace is over."""
        ...

    async def erase(self, user_id: int, now: datetime) -> bool:
        """Erase everything but the id, with its event, in one transaction; False when it is not due any more."""
        ...


class EmailProvider(Protocol):
    """Whoever carries messages to e-mail addresses."""

    async def send_email(self, reference: str, address: str, subject: str, text: str) -> Any:
        """Send once, however often it is asked with one reference; a SendOutcome. Never raises."""
        ...
