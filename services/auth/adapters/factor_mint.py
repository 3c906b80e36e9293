"""Secrets of second factors: made, hashed or sealed for storage, under keys derived from one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

from services.auth.domain.recovery_codes import RECOVERY_CODES, new_recovery_code
from services.sealing.seal import KEY_BYTES, Seal, derive_key


class FactorMint:
    """Makes secrets from the system's randomness."""

    def __init__(self, root_key: bytes) -> None:
        self._flow_key = derive_key(root_key, b"daira challenge of flow v1")
        self._recovery_key = derive_key(root_key, b"daira recovery code v1")
        self._seal = Seal(derive_key(root_key, b"daira totp secret v1"), "account")

    def new_token(self) -> str:
        """43 characters of base64url."""
        return secrets.token_urlsafe(KEY_BYTES)

    def flow_token(self, flow_token: str, code: str) -> str:
        """43 characters of base64url, derived, so that a repeat gets the same without its being stored."""
        mac = hmac.digest(self._flow_key, f"{flow_token}.{code}".encode(), "sha256")
        return urlsafe_b64encode(mac).rstrip(b"=").decode()

    def hash_token(self, token: str) -> bytes:
        """The SHA-256 of a token; having 256 bits nobody knows, it needs no slow hash."""
        return hashlib.sha256(token.encode()).digest()

    def new_to_sign(self) -> bytes:
        """32 random bytes."""
        return secrets.token_bytes(KEY_BYTES)

    def seal_secret(self, user_id: int, secret: bytes) -> bytes:
        """The secret under AES-256-GCM, good for this account only."""
        return self._seal.seal(secret, _bound_to(user_id))

    def open_secret(self, user_id: int, sealed: bytes) -> bytes:
        """The secret sealed; ValueError when it was sealed with another key or for another account."""
        return self._seal.open(sealed, _bound_to(user_id))

    def new_recovery_codes(self) -> list[str]:
        """Ten codes of 80 random bits."""
        return [new_recovery_code(secrets.choice) for _ in range(RECOVERY_CODES)]

    def hash_recovery_code(self, user_id: int, code: str) -> bytes:
        """HMAC-SHA256 under a derived key, of account and code.

        Eighty random bits cannot be searched, so a slow hash would gain nothing; the key makes a stolen table useless
        by itself, and the account makes equal codes of two people differ.
        """
        return hmac.digest(self._recovery_key, _bound_to(user_id) + code.encode(), "sha256")


def _bound_to(user_id: int) -> bytes:
    return user_id.to_bytes(8, "big")
