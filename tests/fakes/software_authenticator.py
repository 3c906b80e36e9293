"""An authenticator of software: makes and proves passkeys (ES256) as a phone would, or wrongly, as a test says."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
ORIGIN = "http://localhost:8080"


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class SoftwareAuthenticator:
    """One passkey. What it says of itself may be changed between calls."""

    origin: str = ORIGIN
    rp_id: str = ""
    flags: int = PRESENT | VERIFIED
    count: int = 0
    counts: bool = True
    cross_origin: bool = False
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    user_handle: bytes = b""

    def create(self, options_json: str, challenge: bytes | None = None) -> str:
        """RegistrationResponseJSON for PublicKeyCredentialCreationOptionsJSON."""
        options = json.loads(options_json)
        self.user_handle = from_base64url(options["user"]["id"])
        rp_id = self.rp_id or options["rp"]["id"]
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self._cose_key()
        data = self._authenticator_data(rp_id, self.flags | ATTESTED) + attested
        response = {
            "clientDataJSON": self._client_data("webauthn.create", challenge or from_base64url(options["challenge"])),
            "attestationObject": base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal", "hybrid"],
        }
        return self._credential(response)

    def get(
        self,
        options_json: str,
        challenge: bytes | None = None,
        user_handle: bytes | None = None,
        kind: str = "webauthn.get",
    ) -> str:
        """AuthenticationResponseJSON for PublicKeyCredentialRequestOptionsJSON."""
        options = json.loads(options_json)
        if self.counts:
            self.count += 1
        client_data = self._client_data(kind, challenge or from_base64url(options["challenge"]))
        data = self._authenticator_data(self.rp_id or options["rpId"], self.flags)
        signed = data + hashlib.sha256(from_base64url(client_data)).digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": base64url(data),
            "signature": base64url(self.key.sign(signed, ec.ECDSA(SHA256()))),
            "userHandle": base64url(self.user_handle if user_handle is None else user_handle),
        }
        return self._credential(response)

    def _client_data(self, kind: str, challenge: bytes) -> str:
        client_data: dict[str, Any] = {
            "type": kind,
            "challenge": base64url(challenge),
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return base64url(json.dumps(client_data).encode())

    def _authenticator_data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _cose_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _credential(self, response: dict[str, Any]) -> str:
        name = base64url(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
