"""What the use cases of second factors and their ports hand to one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.auth.application.ports import StartedSession
from services.auth.domain.assurance import Proof
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.factors import Factor, Holdings, Standing


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a challenge, as it was given."""

    factor: Factor
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A challenge to open: its token by hash, its device, 32 bytes or none, and 32 random bytes for a passkey to sign.

    `proof` is what a sign-in has proved so far. Times are in UTC.
    """

    challenge_hash: bytes = field(repr=False)
    purpose: ChallengePurpose
    device_digest: bytes = field(repr=False)
    to_sign: bytes = field(repr=False)
    proof: Proof | None
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A passkey as its device knows it."""

    credential_id: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedChallenge:
    """A challenge that is there: what its account has, and what a passkey is to sign."""

    holdings: Holdings
    credentials: Sequence[StoredCredential]
    to_sign: bytes = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReservedAnswer:
    """An answer that was counted and may be looked at, with what it is compared with.

    `user_id` is 0 where nobody was named. `within_account` is False when the account takes no more guesses, for `wait`.
    """

    user_id: int
    session_id: int
    proof: Proof | None
    to_sign: bytes = field(repr=False)
    tries_left: int
    within_account: bool
    wait_ms: int
    totp_sealed: bytes | None = field(repr=False)
    totp_last_step: int
    password_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsedTotp:
    """A code of an authenticator app that is right: its step of 30 s since 1970."""

    step: int


@dataclass(frozen=True, slots=True)
class UsedRecoveryCode:
    """A recovery code, by hash."""

    code_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsedPasskey:
    """A passkey whose signature is right."""

    factor_id: int
    sign_count: int
    is_backed_up: bool


@dataclass(frozen=True, slots=True)
class UsedPassword:
    """A password that is right."""


Used = UsedTotp | UsedRecoveryCode | UsedPasskey | UsedPassword


@dataclass(frozen=True, slots=True)
class Finished:
    """A challenge that was answered: the session it started or strengthened."""

    session: StartedSession
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class PasskeyCredential:
    """A passkey whose registration was verified."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    is_backup_eligible: bool
    is_backed_up: bool


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    """What verifies a passkey."""

    factor_id: int
    user_id: int
    public_key: bytes
    is_backup_eligible: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey's answer names, before anything of it is verified. `user_handle` is None when it names nobody."""

    credential_id: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class TotpView:
    """A confirmed authenticator app."""

    factor_id: int
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """A passkey as its owner sees it."""

    factor_id: int
    name: str
    is_backed_up: bool
    aaguid: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FactorList:
    """All factors of an account."""

    holdings: Holdings
    totp: TotpView | None
    passkeys: Sequence[PasskeyView]


@dataclass(frozen=True, slots=True)
class PendingTotp:
    """A secret with its state."""

    factor_id: int
    sealed: bytes = field(repr=False)
    last_step: int
    is_confirmed: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordAccount:
    """An account whose password is to change: its names may not be shown. Absent ones are empty."""

    standing: Standing
    password_hash: str | None = field(repr=False)
    phone: str = field(repr=False)
    email: str = field(repr=False)
