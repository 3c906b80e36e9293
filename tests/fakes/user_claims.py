"""What auth's access tokens say, for tests that sign their own."""

from __future__ import annotations

from typing import Any

from services.chassis.tokens import USER_JWT_AUDIENCE, USER_JWT_ISSUER


def user_claims(user_id: int, now_s: int, life_s: int = 600, **changes: Any) -> dict[str, Any]:
    """The claims of a person who proved two factors just now; `changes` replaces some, None leaves one out."""
    claims = {
        "iss": USER_JWT_ISSUER,
        "aud": USER_JWT_AUDIENCE,
        "sub": str(user_id),
        "sid": "1",
        "iat": now_s,
        "exp": now_s + life_s,
        "epoch": 0,
        "acr": "2",
        "amr": ["pwd", "otp"],
        "auth_time": now_s,
        "scope": "account social payments",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}
