"""What the use cases of second factors need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.auth.application.code_ports import BudgetCharge, BudgetSpent
from services.auth.application.factor_records import (
    Assertion,
    FactorList,
    Finished,
    NewChallenge,
    OpenedChallenge,
    PasskeyCredential,
    PasskeyView,
    PasswordAccount,
    PendingTotp,
    ReservedAnswer,
    StoredCredential,
    StoredPasskey,
    Used,
    UsedPasskey,
)
from services.auth.application.ports import NewSession
from services.auth.domain.assurance import Method
from services.auth.domain.challenges import ChallengePurpose, ChallengeRules
from services.auth.domain.factors import FactorKind, Standing


class FactorMint(Protocol):
    """Makes the secrets of factors and keeps them."""

    def new_token(self) -> str:
        """A token of 256 random bits."""
        ...

    def flow_token(self, flow_token: str, code: str) -> str:
        """The token of the challenge that a redeemed code leads to: the same for the same two, known to nobody else."""
        ...

    def hash_token(self, token: str) -> bytes:
        """The 32 bytes it is stored as."""
        ...

    def new_to_sign(self) -> bytes:
        """32 random bytes."""
        ...

    def seal_secret(self, user_id: int, secret: bytes) -> bytes:
        """The secret of an authenticator app, readable only with our key and for this account."""
        ...

    def open_secret(self, user_id: int, sealed: bytes) -> bytes:
        """The secret sealed; ValueError when it was sealed with another key or for another account."""
        ...

    def new_recovery_codes(self) -> list[str]:
        """As many as an account gets."""
        ...

    def hash_recovery_code(self, user_id: int, code: str) -> bytes:
        """The 32 bytes that the characters of a code are stored as."""
        ...


class Totp(Protocol):
    """Codes of authenticator apps (RFC 6238: SHA-1, six digits, 30 s)."""

    def new_secret(self) -> bytes:
        """160 random bits."""
        ...

    def uri(self, secret: bytes, name: str) -> str:
        """What a QR code says to the app."""
        ...

    def base32(self, secret: bytes) -> str:
        """The secret for typing."""
        ...

    def matching_step(self, secret: bytes, code: str, now: datetime, after_step: int) -> int | None:
        """The step, after `after_step` and at most one away from now, whose code it is; compared in constant time."""
        ...


class Passkeys(Protocol):
    """WebAuthn, level 2: user verification always, discoverable credentials, no attestation."""

    @property
    def is_open(self) -> bool:
        """Whether passkeys are taken here."""
        ...

    def creation_options(self, user_id: int, name: str, to_sign: bytes, existing: Sequence[StoredCredential]) -> str:
        """PublicKeyCredentialCreationOptionsJSON."""
        ...

    def request_options(self, to_sign: bytes, allowed: Sequence[StoredCredential]) -> str:
        """PublicKeyCredentialRequestOptionsJSON; without `allowed` any passkey of ours may answer."""
        ...

    def verify_registration(self, credential_json: str, to_sign: bytes) -> PasskeyCredential | None:
        """The new credential; None when anything is wrong with it."""
        ...

    def read_assertion(self, credential_json: str) -> Assertion | None:
        """What an answer names; None when it cannot be read."""
        ...

    def verify_assertion(self, credential_json: str, to_sign: bytes, stored: StoredPasskey) -> UsedPasskey | None:
        """The use of a passkey; None when anything is wrong with it. The counter is for the store to compare."""
        ...

    def user_handle(self, user_id: int) -> bytes:
        """How passkeys name an account."""
        ...


class Challenges(Protocol):
    """Open challenges. Every method raises AppError UNAVAILABLE when the database is away."""

    async def open_sign_in(self, user_id: int, new: NewChallenge) -> OpenedChallenge | None:
        """Open a challenge if the account may sign in and has a second factor; None when not."""
        ...

    async def open_for_flow(self, flow_hash: bytes, phone: str, new: NewChallenge) -> OpenedChallenge | None:
        """Use a flow of a code up and open its challenge; None when the phone's account has no second factor."""
        ...

    async def reopen_for_flow(
        self, flow_hash: bytes, challenge_hash: bytes, now: datetime, rules: ChallengeRules
    ) -> OpenedChallenge | None:
        """Count a repeat of a flow that led to a challenge a moment ago, and answer it; None without one."""
        ...

    async def open_in_session(self, user_id: int, session_id: int, new: NewChallenge) -> OpenedChallenge | None:
        """Open a challenge of a live session; None when it has ended."""
        ...

    async def open_for_anybody(self, new: NewChallenge, charges: Sequence[BudgetCharge]) -> BudgetSpent | None:
        """Open a challenge that names nobody and charge for it, or neither: then what is spent."""
        ...

    async def reserve(
        self,
        challenge_hash: bytes,
        purpose: ChallengePurpose,
        device_digest: bytes,
        now: datetime,
        rules: ChallengeRules,
        *,
        is_guess: bool,
    ) -> ReservedAnswer | None:
        """Count an answer before it is looked at; a guess is counted for the account too. None when it takes none."""
        ...

    async def finish_sign_in(
        self, challenge_hash: bytes, user_id: int, used: Used, session: NewSession
    ) -> Finished | None:
        """Use challenge and factor up and start the session, with all events; None when one of them is used.

        None too for a passkey whose counter went back, with the event of it. AppError PERMISSION_DENIED, reason
        ACCOUNT_SUSPENDED.
        """
        ...

    async def finish_step_up(
        self, challenge_hash: bytes, reserved: ReservedAnswer, used: Used, method: Method, now: datetime
    ) -> Finished | None:
        """Use challenge and factor up and strengthen the session; None when one of them is used, or it ended."""
        ...

    async def find_passkey(self, credential_id: bytes) -> StoredPasskey | None:
        """The passkey with the id."""
        ...


class Factors(Protocol):
    """Factors of accounts.

    Every method raises AppError UNAVAILABLE when the database is away, and UNAUTHENTICATED, reason TOKEN_REVOKED, when
    the session has ended. Those that change anything ask the session for a fresh proof first, under the account's lock.
    """

    async def list(self, user_id: int, session_id: int, now: datetime) -> FactorList:
        """All of them."""
        ...

    async def standing(self, user_id: int, session_id: int, now: datetime) -> Standing:
        """The session and its account."""
        ...

    async def begin_totp(self, user_id: int, session_id: int, sealed: bytes, now: datetime) -> str:
        """Keep a secret until it is confirmed, in place of another that was not; the account's name, masked.

        AppError FAILED_PRECONDITION, reason FACTOR_LIMIT_REACHED, when one is confirmed.
        """
        ...

    async def find_totp(self, user_id: int) -> PendingTotp | None:
        """The secret, confirmed or not."""
        ...

    async def confirm_totp(self, user_id: int, session_id: int, factor_id: int, step: int, now: datetime) -> bool:
        """The secret counts from now on, and `step` is used, with the event; False when it is not pending any more."""
        ...

    async def add_passkey(
        self, user_id: int, session_id: int, challenge_hash: bytes, new: PasskeyCredential, name: str, now: datetime
    ) -> PasskeyView:
        """Use the ceremony up and add the passkey with its event.

        AppError FAILED_PRECONDITION, reason FACTOR_LIMIT_REACHED, when there are 20, or somebody has this one.
        """
        ...

    async def find_added(self, user_id: int, challenge_hash: bytes) -> PasskeyView | None:
        """The passkey that a ceremony of the account added."""
        ...

    async def rename_passkey(self, user_id: int, session_id: int, factor_id: int, name: str, now: datetime) -> bool:
        """Name a passkey; False when there is none such."""
        ...

    async def remove(self, user_id: int, session_id: int, factor_id: int, now: datetime) -> FactorKind | None:
        """Remove a factor with its event, and with the last one all recovery codes; None when there is none such."""
        ...

    async def replace_recovery_codes(
        self, user_id: int, session_id: int, hashes: Sequence[bytes], now: datetime
    ) -> bool:
        """Keep these codes and no others, with the event; False when the account has no second factor."""
        ...


class Passwords(Protocol):
    """Passwords of accounts. Errors as of `Factors`."""

    async def find(self, user_id: int, session_id: int, now: datetime) -> PasswordAccount:
        """The account of a live session."""
        ...

    async def reserve_guess(self, user_id: int, now: datetime, rules: ChallengeRules) -> int | None:
        """Count a guess of the account before it is made; None when it may be, else for how many ms none may."""
        ...

    async def replace(
        self, user_id: int, session_id: int, old: str | None, new: str, now: datetime, *, end_others: bool
    ) -> int | None:
        """Keep `new` unless the hash is no longer `old`, with the event; None then, else how many sessions ended."""
        ...
