"""What the use cases of one-time codes need of the world."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from services.auth.application.ports import NewSession, StartedSession
from services.auth.domain.code_budgets import Charge
from services.auth.domain.codes import CodePurpose
from services.auth.domain.identifier import Identifier


@dataclass(frozen=True, slots=True)
class NewFlow:
    """A flow to open: token, device and code by hash, the number sealed. Times are in UTC."""

    flow_hash: bytes = field(repr=False)
    device_hash: bytes = field(repr=False)
    purpose: CodePurpose
    phone_sealed: bytes = field(repr=False)
    code_hash: bytes = field(repr=False)
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to send: what it is known by, to us and to the provider, and number and code sealed."""

    reference: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BudgetCharge:
    """A charge whose subject is a keyed hash, 32 bytes."""

    subject: bytes = field(repr=False)
    charge: Charge


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How much of a budget that numbers share is used, the code at hand included."""

    charge: Charge
    used: int


@dataclass(frozen=True, slots=True)
class Asking:
    """What asking for a code costs, from a device that the number's account knows and from another.

    `device_digest` is the SHA-256 of the device's id, b"" without one.
    """

    device_digest: bytes = field(repr=False)
    familiar: Sequence[BudgetCharge]
    strange: Sequence[BudgetCharge]


@dataclass(frozen=True, slots=True)
class Shares:
    """What sending a code costs, if the number is proved and if it is not."""

    proved: Sequence[BudgetCharge]
    new: Sequence[BudgetCharge]


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A code that may not be sent for so long, and the budget that says so."""

    charge: Charge
    wait: timedelta


@dataclass(frozen=True, slots=True)
class OpenedFlow:
    """A flow that is there, just opened or before; `uses` of its share, or why its message is withheld."""

    made_at: datetime
    expires_at: datetime
    is_repeat: bool = False
    uses: Sequence[BudgetUse] = ()
    withheld: BudgetSpent | None = None


@dataclass(frozen=True, slots=True)
class ReservedTry:
    """A try that was counted and may be made."""

    code_hash: bytes = field(repr=False)
    phone_sealed: bytes = field(repr=False)
    tries_left: int


@dataclass(frozen=True, slots=True)
class Redemption:
    """A flow to redeem: the number it proved, the session to start, and its refresh token sealed for a repeat."""

    flow_hash: bytes = field(repr=False)
    phone: str = field(repr=False)
    session: NewSession
    refresh_sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RedeemedFlow:
    """The session that a flow was redeemed for."""

    session: StartedSession
    is_new_account: bool


@dataclass(frozen=True, slots=True)
class RepeatedRedemption:
    """What a flow was redeemed for a moment ago."""

    redeemed: RedeemedFlow
    code_hash: bytes = field(repr=False)
    refresh_sealed: bytes = field(repr=False)
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A message that is due: where to and which code."""

    reference: str
    phone: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message of the outbox that this caller, and nobody else for a while, is to send."""

    reference: str
    sealed: bytes = field(repr=False)
    expires_at: datetime
    sends: int


class SendOutcome(enum.Enum):
    """What a provider did with a message. UNKNOWN may have been sent: ask again with the same reference."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class PhoneReader(Protocol):
    """Reads phones in any spelling."""

    def read_phone(self, text: str, field: str) -> Identifier:
        """The phone in its one normal spelling; AppError INVALID_ARGUMENT, naming `field`, when it is none."""
        ...


class BudgetSubjects(Protocol):
    """Hides whom budgets are of."""

    def budget_subject(self, charge: Charge) -> bytes:
        """The keyed hash that stands for the subject of a charge, 32 bytes."""
        ...


class CodeMint(BudgetSubjects, Protocol):
    """Makes codes and flow tokens, and keeps them secret."""

    def flow_token(self, purpose: CodePurpose, phone: str, device_id: str, key: str) -> str:
        """The token of a flow: the same for the same request, and known to nobody who has not made it."""
        ...

    def hash_flow(self, token: str) -> bytes:
        """The 32 bytes that a token is stored as."""
        ...

    def hash_device(self, device_id: str) -> bytes:
        """The 32 bytes that a device's id is stored as."""
        ...

    def new_code(self) -> str:
        """Six random digits."""
        ...

    def hash_code(self, flow_hash: bytes, code: str) -> bytes:
        """The keyed hash of a flow's code, 32 bytes."""
        ...

    def matches(self, flow_hash: bytes, code: str, code_hash: bytes) -> bool:
        """Whether the code is the one hashed, compared in constant time."""
        ...

    def seal_phone(self, flow_hash: bytes, phone: str) -> bytes:
        """The number, readable only with our key and for this flow."""
        ...

    def open_phone(self, flow_hash: bytes, sealed: bytes) -> str:
        """The number sealed; ValueError when it was sealed with another key or for another flow."""
        ...

    def new_message(self, phone: str, code: str) -> NewMessage:
        """A message with a reference of its own."""
        ...

    def open_message(self, reference: str, sealed: bytes) -> CodeMessage:
        """The message sealed; ValueError when it was sealed with another key or under another reference."""
        ...


class Codes(Protocol):
    """Flows and their codes. Every method raises AppError UNAVAILABLE when the database is away."""

    async def open(
        self, flow: NewFlow, phone: str, message: NewMessage, asking: Asking, shares: Shares
    ) -> OpenedFlow | BudgetSpent:
        """Open the flow, charge the budgets and put the message into the outbox, all or nothing.

        When only the number's share is spent, the flow is opened and charged, and the message withheld: a refusal
        would tell whether the number is proved. A flow that is there already is answered as it is, and costs nothing.
        """
        ...

    async def reserve(self, flow_hash: bytes, device_hash: bytes, now: datetime, tries: int) -> ReservedTry | None:
        """Count a try before it is made; None when the flow takes none."""
        ...

    async def redeem(self, redemption: Redemption) -> RedeemedFlow | None:
        """Use the flow up and start its session, making the account if need be, with all events; None when it is used.

        All of it is one statement.
        """
        ...

    async def reserve_repeat(
        self, flow_hash: bytes, device_hash: bytes, now: datetime, redeemed_after: datetime, repeats: int
    ) -> RepeatedRedemption | None:
        """Count a repeat of a flow redeemed after a moment, whose session lives; None when there is none."""
        ...


class CodeOutbox(Protocol):
    """The messages to send. Every method raises AppError UNAVAILABLE when the database is away."""

    async def claim(self, now: datetime, again_at: datetime, limit: int) -> Sequence[DueMessage]:
        """At most `limit` messages that are due; nobody else gets them before `again_at`."""
        ...

    async def remove(self, reference: str) -> None:
        """The message is done with: nothing of it stays."""
        ...


class CodeRequests(Protocol):
    """Is told what became of requests for codes, for those who watch over it."""

    def ended(self, outcome: str) -> None:
        """A request ended: "accepted", "repeated", or with the scope of the budget that was spent."""
        ...

    def used(self, use: BudgetUse) -> None:
        """So much of a shared budget is used."""
        ...


class SmsProvider(Protocol):
    """Whoever carries messages to phones."""

    async def send(self, reference: str, phone: str, text: str) -> SendOutcome:
        """Send a text once to an E.164 phone, however often it is asked with one reference. Never raises."""
        ...
