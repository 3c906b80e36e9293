"""Codes of authenticator apps by RFC 6238, with pyotp."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp

_SECRET_BYTES: Final = 20
_STEP_S: Final = 30
# A clock half a minute off, or a code typed a little late, is no wrong code.
_STEPS_AWAY: Final = (-1, 0, 1)
_ISSUER: Final = "DAIRA"


class TotpCodes:
    """SHA-1, six digits, 30 s: what every app can do. The hash's collisions do no harm in HMAC."""

    def new_secret(self) -> bytes:
        """160 random bits, as RFC 4226 recommends."""
        return secrets.token_bytes(_SECRET_BYTES)

    def uri(self, secret: bytes, name: str) -> str:
        """An otpauth URI."""
        return str(pyotp.TOTP(self.base32(secret)).provisioning_uri(name=name or _ISSUER, issuer_name=_ISSUER))

    def base32(self, secret: bytes) -> str:
        """The secret in base32, without padding."""
        return base64.b32encode(secret).decode().rstrip("=")

    def matching_step(self, secret: bytes, code: str, now: datetime, after_step: int) -> int | None:
        """The newest step whose code it is, at most one away from now; all are compared, each in constant time."""
        totp = pyotp.TOTP(self.base32(secret), interval=_STEP_S)
        current = int(now.timestamp()) // _STEP_S
        matching = None
        for away in _STEPS_AWAY:
            step = current + away
            is_equal = hmac.compare_digest(totp.generate_otp(step), code)
            if is_equal and step > after_step:
                matching = step
        return matching
