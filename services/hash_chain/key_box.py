"""Keys that sign a chain's checkpoints: made, and kept with their private half encrypted, bound to their id."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.sealing.key_encryption import WrongKeyEncryptionKeyError
from services.sealing.seal import Seal

_KID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class ChainKey:
    """An Ed25519 key pair: `public` is base64url as in a JWK, `private` the 32 bytes of the seed."""

    kid: str
    public: str
    private: bytes = field(repr=False)
    active_from: datetime


class ChainKeyBox:
    """Seals private keys under `key`, 32 bytes that are for nothing else; their ids begin with `prefix`."""

    def __init__(self, key: bytes, prefix: str) -> None:
        self._seal = Seal(key, "key")
        self._prefix = prefix

    def new(self, active_from: datetime) -> ChainKey:
        """A fresh key pair with a random id."""
        private = Ed25519PrivateKey.generate()
        kid = f"{self._prefix}-{secrets.token_hex(_KID_BYTES)}"
        return ChainKey(kid, _public_of(private), private.private_bytes_raw(), active_from)

    def seal(self, key: ChainKey) -> bytes:
        """The private half, encrypted, good for this id only."""
        return self._seal.seal(key.private, key.kid.encode())

    def open(self, kid: str, public: str, sealed: bytes, active_from: datetime) -> ChainKey:
        """The key pair; WrongKeyEncryptionKeyError when it was sealed with another key or altered."""
        try:
            private = self._seal.open(sealed, kid.encode())
        except ValueError:
            raise WrongKeyEncryptionKeyError(f"key {kid} was altered, or sealed with another root key") from None
        if _public_of(Ed25519PrivateKey.from_private_bytes(private)) != public:
            raise WrongKeyEncryptionKeyError(f"the public half of key {kid} was altered")
        return ChainKey(kid, public, private, active_from)


def _public_of(private: Ed25519PrivateKey) -> str:
    return urlsafe_b64encode(private.public_key().public_bytes_raw()).rstrip(b"=").decode()
