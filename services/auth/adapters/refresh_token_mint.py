"""Opaque refresh tokens: made, hashed for storage, and sealed for their predecessor."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_TOKEN_BYTES: Final = 32
_NONCE_BYTES: Final = 12
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
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(_key(token)).encrypt(nonce, successor.encode(), _PURPOSE)

    def unseal(self, token: str, sealed: bytes) -> str:
        """The successor sealed with `token`; ValueError when it was not, or was altered."""
        try:
            opened = AESGCM(_key(token)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE)
        except InvalidTag:
            raise ValueError("not sealed with this token") from None
        return opened.decode()


def _key(token: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(token.encode())
