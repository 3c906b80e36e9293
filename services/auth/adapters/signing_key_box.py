"""Makes signing keys and keeps their private half encrypted, bound to their id."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.auth.domain.key_schedule import SigningKey
from services.sealing.key_encryption import WrongKeyEncryptionKeyError
from services.sealing.seal import KEY_BYTES, Seal

_KID_BYTES: Final = 12


class SigningKeyBox:
    """Seals private keys with AES-256-GCM under the root key."""

    def __init__(self, root_key: bytes) -> None:
        if len(root_key) != KEY_BYTES:
            raise ValueError(f"the root key has {KEY_BYTES} bytes")
        self._seal = Seal(root_key, "key")

    def new(self, active_from: datetime) -> SigningKey:
        """A fresh Ed25519 key pair with a random id."""
        private = Ed25519PrivateKey.generate()
        return SigningKey(
            kid=secrets.token_hex(_KID_BYTES),
            public=_base64url(private.public_key().public_bytes_raw()),
            private=private.private_bytes_raw(),
            active_from=active_from,
        )

    def seal(self, key: SigningKey) -> bytes:
        """The private half, encrypted, good for this kid only."""
        return self._seal.seal(key.private, key.kid.encode())

    def open(self, kid: str, public: str, sealed: bytes, active_from: datetime) -> SigningKey:
        """The key pair; WrongKeyEncryptionKeyError when it was sealed with another key or altered."""
        try:
            private = self._seal.open(sealed, kid.encode())
        except ValueError:
            raise WrongKeyEncryptionKeyError(
                f"signing key {kid} was altered, or sealed with another root key"
            ) from None
        derived = _base64url(Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())
        if derived != public:
            raise WrongKeyEncryptionKeyError(f"the public half of signing key {kid} was altered")
        return SigningKey(kid=kid, public=public, private=private, active_from=active_from)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
