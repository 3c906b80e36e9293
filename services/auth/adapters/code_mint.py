"""One-time codes and flow tokens: made, hashed for storage, and sealed for the outbox, under keys derived from one."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from typing import Final

from services.auth.application.code_ports import CodeMessage, NewMessage
from services.auth.domain.code_budgets import Charge
from services.auth.domain.codes import CODE_DIGITS, CodePurpose
from services.sealing.seal import Seal, derive_key

_REFERENCE_BYTES: Final = 16


class CodeMint:
    """Makes codes. A plain hash of six digits is no secret, so each is hashed with a key and bound to its flow."""

    def __init__(self, root_key: bytes) -> None:
        self._token_key = derive_key(root_key, b"daira code flow token v1")
        self._code_key = derive_key(root_key, b"daira code hash v1")
        self._budget_key = derive_key(root_key, b"daira code budget v1")
        self._seal = Seal(derive_key(root_key, b"daira code seal v1"), "flow or message")

    def flow_token(self, purpose: CodePurpose, phone: str, device_id: str, key: str) -> str:
        """43 characters of base64url, derived from the request: a repeat gets the same without its being stored."""
        request = json.dumps([purpose.name, phone, device_id, key])
        return urlsafe_b64encode(_mac(self._token_key, request.encode())).rstrip(b"=").decode()

    def hash_flow(self, token: str) -> bytes:
        """The 32 bytes that a token is stored as; having 256 bits nobody knows, it needs no slow hash."""
        return hashlib.sha256(token.encode()).digest()

    def hash_device(self, device_id: str) -> bytes:
        """The 32 bytes that a device's id is stored as."""
        return _mac(self._token_key, b"device:" + device_id.encode())

    def new_code(self) -> str:
        """Six random digits."""
        return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"

    def hash_code(self, flow_hash: bytes, code: str) -> bytes:
        """The keyed hash of a flow's code, 32 bytes."""
        return _mac(self._code_key, flow_hash + code.encode())

    def matches(self, flow_hash: bytes, code: str, code_hash: bytes) -> bool:
        """Whether the code is the one hashed, compared in constant time."""
        return hmac.compare_digest(self.hash_code(flow_hash, code), code_hash)

    def seal_phone(self, flow_hash: bytes, phone: str) -> bytes:
        """The number under AES-256-GCM, good for this flow only."""
        return self._seal.seal(phone.encode(), b"flow:" + flow_hash)

    def open_phone(self, flow_hash: bytes, sealed: bytes) -> str:
        """The number sealed; ValueError when it was sealed with another key or for another flow."""
        return self._seal.open(sealed, b"flow:" + flow_hash).decode()

    def new_message(self, phone: str, code: str) -> NewMessage:
        """A message with a random reference of 32 hexadecimal digits."""
        reference = secrets.token_hex(_REFERENCE_BYTES)
        return NewMessage(
            reference, self._seal.seal(json.dumps([phone, code]).encode(), b"message:" + reference.encode())
        )

    def open_message(self, reference: str, sealed: bytes) -> CodeMessage:
        """The message sealed; ValueError when it was sealed with another key or under another reference."""
        phone, code = json.loads(self._seal.open(sealed, b"message:" + reference.encode()))
        return CodeMessage(reference, phone, code)

    def budget_subject(self, charge: Charge) -> bytes:
        """The keyed hash that stands for the subject of a charge: numbers are few enough to guess a plain one back."""
        return _mac(self._budget_key, f"{charge.scope.name}:{charge.subject}".encode())


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
