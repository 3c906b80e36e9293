"""What is personal in the audit log, sealed under a key of its subject's own; without that key it is gone."""

from __future__ import annotations

import secrets

from daira.auth.v1 import audit_service_pb2 as pb
from services.auth.application.audit_ports import AuditDetail
from services.sealing.seal import KEY_BYTES, Seal, derive_key


class SubjectKeyBox:
    """Makes and wraps subject keys, and seals details with them: AES-256-GCM, a random nonce before each."""

    def __init__(self, root_key: bytes) -> None:
        # A key of this use alone: signing keys are sealed with the key encryption key itself.
        self._wrapping = Seal(derive_key(root_key, b"daira audit subject keys"), "person")

    def new(self) -> bytes:
        """A fresh key."""
        return secrets.token_bytes(KEY_BYTES)

    def wrap(self, user_id: int, key: bytes) -> bytes:
        """The key as it is stored, good for this person only."""
        return self._wrapping.seal(key, _bound(user_id))

    def unwrap(self, user_id: int, sealed: bytes) -> bytes:
        """The key; ValueError when it was altered, or wrapped with another key encryption key."""
        return self._wrapping.open(sealed, _bound(user_id))


def seal_detail(key: bytes, user_id: int, detail: AuditDetail) -> bytes:
    """The detail under the subject's key; b"" when there is nothing to hide."""
    if detail == AuditDetail():
        return b""
    plain = pb.AuditDetail(network=detail.network, device_name=detail.device_name).SerializeToString()
    return Seal(key, "person").seal(plain, _bound(user_id))


def open_detail(key: bytes | None, user_id: int, sealed: bytes) -> AuditDetail | None:
    """The detail; None without its key. A detail that was altered opens as None too: verifying names it."""
    if not sealed:
        return AuditDetail()
    if key is None:
        return None
    try:
        plain = Seal(key, "person").open(sealed, _bound(user_id))
    except ValueError:
        return None
    message = pb.AuditDetail.FromString(plain)
    return AuditDetail(message.network, message.device_name)


def _bound(user_id: int) -> bytes:
    return user_id.to_bytes(8, "big", signed=True)
