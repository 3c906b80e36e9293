"""Access tokens as signed JWTs, and the key set that verifies them."""

from __future__ import annotations

import json
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey

from services.auth.application.key_ring import KeyRing
from services.auth.application.ports import StartedSession
from services.auth.domain.assurance import Method
from services.auth.domain.key_schedule import SigningKey
from services.chassis.tokens import USER_JWT_ALGORITHM, USER_JWT_AUDIENCE, USER_JWT_ISSUER, USER_JWT_TYPE

# Authentication method references of RFC 8176; a recovery code has none there.
_AMR: Final[Mapping[Method, str]] = {
    Method.PASSWORD: "pwd",
    Method.CODE: "sms",
    Method.TOTP: "otp",
    Method.PASSKEY: "pop",
    Method.RECOVERY_CODE: "rcv",
}


class JwtSigner:
    """Signs with the ring's key of the moment."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._imported: tuple[str, OKPKey] | None = None
        # RFC 9864 renames the algorithm to "Ed25519", which Envoy and PyJWT do not know yet.
        warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

    def sign(self, session: StartedSession, issued_at: datetime, life: timedelta) -> str:
        """A JWT of RFC 9068's type; AppError UNAVAILABLE while there is no key."""
        key = self._ring.signing()
        issued_s = int(issued_at.timestamp())
        claims: dict[str, Any] = {
            "iss": USER_JWT_ISSUER,
            "aud": USER_JWT_AUDIENCE,
            "sub": str(session.user_id),
            "sid": str(session.session_id),
            "iat": issued_s,
            "exp": issued_s + int(life.total_seconds()),
            "epoch": session.epoch,
            "acr": str(session.proof.level),
            "amr": [_AMR[method] for method in session.proof.methods],
            "auth_time": int(session.proof.proved_at.timestamp()),
            "scope": " ".join(name.name.lower() for name in session.scopes if name.name),
        }
        if session.key_thumbprint:
            claims["cnf"] = {"jkt": session.key_thumbprint}
        if session.roles:
            claims["roles"] = [role.name.lower() for role in session.roles if role.name]
        header = {"alg": USER_JWT_ALGORITHM, "typ": USER_JWT_TYPE, "kid": key.kid}
        return jwt.encode(header, claims, self._private(key), algorithms=[USER_JWT_ALGORITHM])

    def _private(self, key: SigningKey) -> OKPKey:
        if self._imported is None or self._imported[0] != key.kid:
            private = urlsafe_b64encode(key.private).rstrip(b"=").decode()
            imported = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.public, "d": private})
            self._imported = (key.kid, imported)
        return self._imported[1]


class RingJwks:
    """The ring's public keys as RFC 7517 JSON: what GetJwks answers, and what auth itself verifies with."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def fetch(self) -> str:
        """The key set; AppError UNAVAILABLE before the keys are loaded."""
        return self.render()

    def render(self) -> str:
        """The key set, in the order the keys sign; AppError UNAVAILABLE before the keys are loaded."""
        keys = [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": USER_JWT_ALGORITHM,
                "kid": key.kid,
                "x": key.public,
            }
            for key in self._ring.published()
        ]
        return json.dumps({"keys": keys}, separators=(",", ":"))
