"""Bytes under AES-256-GCM, bound to what they are for, and the keys that one key is made into."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal:
    """Seals under one key of 32 bytes: a random nonce, then the ciphertext. `thing` is what each is bound to."""

    def __init__(self, key: bytes, thing: str) -> None:
        self._aead = AESGCM(key)
        self._thing = thing

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """The bytes sealed; they open only with the same `bound_to`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """The bytes; ValueError when they were altered, or sealed with another key or for another thing."""
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise ValueError(f"sealed with another key, or for another {self._thing}") from None


def derive_key(key: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose, made from another by HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)
