"""What auth's use cases need of the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from services.auth.domain.assurance import ALL_SCOPES, Proof, Role, Scope
from services.auth.domain.attempts import AttemptLimit, Guess
from services.auth.domain.device import Device
from services.auth.domain.identifier import Identifier
from services.auth.domain.key_schedule import KeyChange, SigningKey
from services.auth.domain.session import SessionEnd, StoredRefreshToken


@dataclass(frozen=True, slots=True)
class RawIdentifier:
    """A name as it was typed; exactly one of the two."""

    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is kept to recognise a person. `register_key` is the idempotency key the account was made with.

    Who enrolled with a code has neither key, "", nor password, None.
    """

    user_id: int
    password_hash: str | None = field(repr=False)
    register_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its names; both may not be shown unmasked. An absent one is empty."""

    user_id: int
    phone: str = field(repr=False)
    email: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to start: its first refresh token by hash, when both end, what was proved, where from.

    Times are in UTC.
    """

    refresh_token_hash: bytes = field(repr=False)
    started_at: datetime
    refresh_expires_at: datetime
    expires_at: datetime
    proof: Proof
    device: Device
    scopes: Scope = ALL_SCOPES


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A live session, with what its access tokens say. `epoch` and `roles` are its account's of this moment.

    `key_thumbprint` is of the key that its tokens are bound to, "" when they are not.
    """

    user_id: int
    session_id: int
    proof: Proof
    scopes: Scope
    epoch: int
    roles: Role
    key_thumbprint: str = ""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A refresh token to exchange: the presented one and its successor by hash, and the successor sealed.

    A session that is bound to a key rotates only with that `key_thumbprint`, one that is not only with "".
    """

    presented_hash: bytes = field(repr=False)
    successor_hash: bytes = field(repr=False)
    successor_sealed: bytes = field(repr=False)
    at: datetime
    successor_expires_at: datetime
    key_thumbprint: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """A refresh token that was exchanged. `expires_at` is the successor's."""

    session: StartedSession
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Replayed:
    """A refresh token that could not be exchanged, its session, and its successor if it has one."""

    token: StoredRefreshToken
    session: StartedSession
    successor_sealed: bytes | None = field(repr=False)
    successor_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Tokens as the client gets them. Times are in UTC."""

    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


class IdentifierReader(Protocol):
    """Reads names in any spelling."""

    def read(self, raw: RawIdentifier) -> Identifier:
        """The name in its one normal spelling; AppError INVALID_ARGUMENT when it is none."""
        ...


class PasswordHasher(Protocol):
    """Hashes passwords beside the event loop. AppError RESOURCE_EXHAUSTED, reason OVERLOADED, when too many wait."""

    async def hash(self, password: str) -> str:
        """A new salted hash with the parameters of today."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed. Without a hash: False, after exactly the same work."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        ...

    def require_room(self) -> None:
        """Raise what `verify` would raise now, so that a full house costs nothing but this call."""
        ...

    def place(self) -> AbstractContextManager[HashingPlace]:
        """A place in the queue for as long as the block lasts: what is verified by it is never refused."""
        ...


class HashingPlace(Protocol):
    """A place among those who hash or wait."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """As PasswordHasher's, without its errors."""
        ...


class RefreshTokenMint(Protocol):
    """Makes refresh tokens, and hides a successor so that only its predecessor can open it."""

    def new(self) -> str:
        """A token of 256 random bits."""
        ...

    def hash(self, token: str) -> bytes:
        """The 32 bytes it is stored as."""
        ...

    def seal(self, token: str, successor: str) -> bytes:
        """The successor, readable only with `token`."""
        ...

    def unseal(self, token: str, sealed: bytes) -> str:
        """The successor sealed with `token`; ValueError when it was not."""
        ...


class AccessTokenSigner(Protocol):
    """Signs access tokens."""

    def sign(self, session: StartedSession, issued_at: datetime, life: timedelta) -> str:
        """A JWT good for `life`; AppError UNAVAILABLE while there is no key."""
        ...


class Accounts(Protocol):
    """Accounts. Every method raises AppError UNAVAILABLE when the database is away."""

    async def find(self, identifier: Identifier) -> Credentials | None:
        """The account with the name."""
        ...

    async def add(
        self, identifier: Identifier, password_hash: str, register_key: str, session: NewSession
    ) -> StartedSession | None:
        """Make the account and its first session, with their events, at once; None when the name is taken."""
        ...

    async def replace_password_hash(self, user_id: int, old: str, new: str) -> None:
        """Keep `new`, unless the hash is no longer `old`."""
        ...

    async def get(self, user_id: int, session_id: int, now: datetime) -> Account | None:
        """The account, if the session is one of its own and has not ended."""
        ...


class Sessions(Protocol):
    """Sessions and refresh tokens. Every method raises AppError UNAVAILABLE when the database is away."""

    async def start(self, user_id: int, session: NewSession) -> StartedSession:
        """Start a session with its event.

        AppError PERMISSION_DENIED, reason ACCOUNT_SUSPENDED, when the account may not sign in.
        """
        ...

    async def rotate(self, rotation: Rotation) -> Rotated | None:
        """Exchange a live, unused refresh token in one statement; None when there is none such."""
        ...

    async def find_replayed(self, token_hash: bytes) -> Replayed | None:
        """What became of a refresh token; None when it was never given out."""
        ...

    async def end(self, session_id: int, user_id: int, cause: SessionEnd, at: datetime) -> bool:
        """End the user's session with its event, once; whether it was this call that did."""
        ...


@dataclass(frozen=True, slots=True)
class ReservedGuess:
    """A guess that was counted and may be made: on its name or device, and, for strangers, on their network."""

    subject: bytes = field(repr=False)
    network_subject: bytes | None = field(repr=False)


class SignInAttempts(Protocol):
    """Counts guesses. Every method raises AppError UNAVAILABLE when the database is away."""

    async def reserve(self, guess: Guess, limit: AttemptLimit, now: datetime) -> ReservedGuess | timedelta:
        """Count a guess before it is made, everywhere or nowhere; when it may not be made, how long none may."""
        ...

    async def forgive(self, reserved: ReservedGuess, now: datetime) -> None:
        """The guess was right: it does not count, nor do those before it on the same name or device."""
        ...


class SigningKeys(Protocol):
    """The key pairs. Every method raises AppError UNAVAILABLE when the database is away or not migrated yet."""

    async def load(
        self, next_start: Callable[[Sequence[datetime]], datetime | None], forget_before: datetime
    ) -> list[SigningKey]:
        """All keys, after adding one when `next_start`, given the starts of those not revoked, names another's time.

        Replicas that call at once agree. Keys replaced before `forget_before` are deleted.
        """
        ...

    async def change(
        self,
        decide: Callable[[Sequence[SigningKey]], KeyChange | None],
        next_start: Callable[[Sequence[datetime]], datetime | None],
    ) -> list[SigningKey] | None:
        """Apply what `decide` says of all keys and add those that are due then, or do nothing at all.

        All keys afterwards; None when there was nothing to change. One caller at a time.
        """
        ...
