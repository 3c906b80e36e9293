"""What is personal in the audit log, sealed under a key of its subject's own; without that key it is gone."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daira.auth.v1 import audit_service_pb2 as pb
from services.auth.application.audit_ports import AuditDetail

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class SubjectKeyBox:
    """Makes and wraps subject keys, and seals details with them: AES-256-GCM, a random nonce before each."""

    def __init__(self, key_encryption_key: bytes) -> None:
        # A key of this use alone: signing keys are sealed with the key encryption key itself.
        derive = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"daira audit subject keys")
        self._wrapping = AESGCM(derive.derive(key_encryption_key))

    def new(self) -> bytes:
        """A fresh key."""
        return AESGCM.generate_key(bit_length=8 * _KEY_BYTES)

    def wrap(self, user_id: int, key: bytes) -> bytes:
        """The key as it is stored, good for this person only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, _bound(user_id))

    def unwrap(self, user_id: int, sealed: bytes) -> bytes:
        """The key; ValueError when it was altered, or wrapped with another key encryption key."""
        try:
            return self._wrapping.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(user_id))
        except InvalidTag:
            raise ValueError("a subject key was altered, or sealed with another key encryption key") from None


def seal_detail(key: bytes, user_id: int, detail: AuditDetail) -> bytes:
    """The detail under the subject's key; b"" when there is nothing to hide."""
    if detail == AuditDetail():
        return b""
    plain = pb.AuditDetail(network=detail.network, device_name=detail.device_name).SerializeToString()
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, _bound(user_id))


def open_detail(key: bytes | None, user_id: int, sealed: bytes) -> AuditDetail | None:
    """The detail; None without its key. A detail that was altered opens as None too: verifying names it."""
    if not sealed:
        return AuditDetail()
    if key is None:
        return None
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(user_id))
    except InvalidTag:
        return None
    message = pb.AuditDetail.FromString(plain)
    return AuditDetail(message.network, message.device_name)


def _bound(user_id: int) -> bytes:
    return user_id.to_bytes(8, "big", signed=True)
