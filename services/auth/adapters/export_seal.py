"""Seals exports under a key of their own, each part bound to its export and place."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12


class ExportSeal:
    """AES-256-GCM under a key derived from the key encryption key."""

    def __init__(self, key_encryption_key: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"daira export seal v1").derive(key_encryption_key)
        self._seal = AESGCM(key)

    def seal(self, export_id: int, chunk: int, plain: bytes) -> bytes:
        """The part, readable only with our key and in its place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, plain, _place(export_id, chunk))

    def open(self, export_id: int, chunk: int, sealed: bytes) -> bytes:
        """The part; ValueError when it was sealed with another key or for another place."""
        try:
            return self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(export_id, chunk))
        except InvalidTag:
            raise ValueError("sealed with another key, or for another place") from None


def _place(export_id: int, chunk: int) -> bytes:
    return f"{export_id}:{chunk}".encode()
