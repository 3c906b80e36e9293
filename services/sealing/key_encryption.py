"""The key in a service's settings: it seals the root key and nothing else, so that changing it is changing one row."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field

from services.chassis.config import Secret, SettingsError
from services.sealing.seal import KEY_BYTES, Seal, derive_key


class WrongKeyEncryptionKeyError(SettingsError):
    """What is in the database was sealed with another key encryption key, or altered."""

    def __init__(self, problem: str) -> None:
        super().__init__([problem])


@dataclass(frozen=True, slots=True)
class KeyEncryptionKeys:
    """A `service`'s key of today, 32 bytes, and the one before while it is changed."""

    service: str
    current: bytes = field(repr=False)
    old: bytes | None = field(default=None, repr=False)

    def seal(self, root_key: bytes) -> bytes:
        """The root key sealed under the key of today."""
        return _seal(self.current).seal(root_key, self.service.encode())

    def open(self, sealed: bytes) -> tuple[bytes, bool]:
        """The root key, and whether it is sealed under the key of today; WrongKeyEncryptionKeyError under neither."""
        for key in (self.current, self.old):
            if key is not None:
                try:
                    return _seal(key).open(sealed, self.service.encode()), key is self.current
                except ValueError:
                    continue
        raise WrongKeyEncryptionKeyError(
            f"{setting_of(self.service)} is not the key that the root key in the database was sealed with"
        )


@dataclass(frozen=True, slots=True)
class KeyEncryptionSecrets:
    """A service's key encryption keys as the settings hold them, not yet decoded."""

    service: str
    current: Secret
    old: Secret | None

    def read(self) -> KeyEncryptionKeys:
        """The keys; SettingsError naming the one that is not 32 bytes in base64url."""
        name = setting_of(self.service)
        old = None if self.old is None else _read(f"{name}_OLD", self.old)
        return KeyEncryptionKeys(self.service, _read(name, self.current), old)


def setting_of(service: str) -> str:
    """The name of the setting with a service's key."""
    return f"{service.upper()}_KEY_ENCRYPTION_KEY"


def new_root_key() -> bytes:
    """A fresh root key."""
    return secrets.token_bytes(KEY_BYTES)


def decode_key_encryption_key(text: bytes) -> bytes:
    """The 32 bytes that base64url `text` holds, with or without padding; ValueError when it does not."""
    key = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if len(key) != KEY_BYTES:
        raise ValueError("not 32 bytes")
    return key


def _read(name: str, secret: Secret) -> bytes:
    try:
        return decode_key_encryption_key(secret.reveal())
    except ValueError:
        raise SettingsError([f"{name} is wrong: expected 32 bytes in base64url"]) from None


def _seal(key: bytes) -> Seal:
    return Seal(derive_key(key, b"daira root key v1"), "root key")
