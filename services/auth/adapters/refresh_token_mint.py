"""Opaque refresh tokens: made, hashed for storage, and sealed for their predecessor."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from services.sealing.seal import Seal, derive_key

_TOKEN_BYTES: Final = 32
_PURPOSE: Final = b"daira refresh token successor v1"


class RefreshTokenMint:
    """Makes tokens of 256 random bits. Being random they need no slow hash: SHA-256 cannot be guessed back."""

    def new(self) -> str:
        """A token: 43 characters of base64url."""
        return secrets.token_urlsafe(_TOKEN_BYTES)

    def hash(self, token: str) -> bytes:
        """The 32 bytes it is stored as."""
        return hashlib.sha256(token.encode()).digest()

    def seal(self, token: str, successor: str) -> bytes:
        """The successor under AES-256-GCM, with a key derived from `token`."""
        return Seal(derive_key(token.encode(), _PURPOSE), "purpose").seal(successor.encode(), _PURPOSE)

    def unseal(self, token: str, sealed: bytes) -> str:
        """The successor sealed with `token`; ValueError when it was not, or was altered."""
        return Seal(derive_key(token.encode(), _PURPOSE), "purpose").open(sealed, _PURPOSE).decode()
