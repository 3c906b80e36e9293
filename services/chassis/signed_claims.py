"""What every kind of JWT of the house goes through: its header, its signature, its times."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.chassis.errors import AppError, unauthenticated
from services.chassis.jws_registry import OneAlgorithm

ALGORITHM: Final = "EdDSA"

_HEADER: Final = frozenset({"alg", "typ", "kid"})
_MAX_TOKEN_CHARS: Final = 2048
# Machines' clocks differ a little; a token from further in the future than this is refused.
_CLOCK_SKEW_S: Final = 5


def unverified_header(token: str) -> Mapping[str, str]:
    """The header, in which nothing may stand but `alg`, `typ` and `kid`: it is asked for a type and a key, no more.

    AppError UNAUTHENTICATED, reason TOKEN_INVALID.
    """
    encoded, dot, _ = token.partition(".")
    if not dot or len(token) > _MAX_TOKEN_CHARS or not token.isascii():
        raise invalid_token()
    try:
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), object_pairs_hook=_no_name_twice)
    except (binascii.Error, ValueError, RecursionError):
        raise invalid_token() from None
    if not isinstance(header, dict) or header.keys() != _HEADER:
        raise invalid_token()
    if not all(isinstance(value, str) for value in header.values()):
        raise invalid_token()
    return header


def signed_claims(token: str, key: OKPKey, registry: OneAlgorithm) -> dict[str, Any]:
    """The claims of a token whose signature is good; AppError UNAUTHENTICATED, reason TOKEN_INVALID."""
    try:
        return jwt.decode(token, key, registry=registry, decoder_cls=_StrictDecoder).claims
    except (JoseError, ValueError, RecursionError):
        raise invalid_token() from None


def check_times(claims: Mapping[str, Any], now_s: int, max_life_s: int) -> int:
    """The expiry in seconds since 1970, checked; AppError UNAUTHENTICATED, TOKEN_INVALID or TOKEN_EXPIRED."""
    issued_s, expires_s, not_before_s = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
    if type(issued_s) is not int or type(expires_s) is not int or type(not_before_s) is not int:
        raise invalid_token()
    if max(issued_s, not_before_s) > now_s + _CLOCK_SKEW_S or not 0 < expires_s - issued_s <= max_life_s:
        raise invalid_token()
    if now_s >= expires_s:
        raise expired_token()
    return expires_s


def invalid_token() -> AppError:
    """Why it is not valid is nobody's business but the log's of whoever made it."""
    return unauthenticated("TOKEN_INVALID", "the token is not valid here")


def expired_token() -> AppError:
    """It was valid."""
    return unauthenticated("TOKEN_EXPIRED", "the token has expired")


class _StrictDecoder(json.JSONDecoder):
    """One meaning only: no name stands twice in an object."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_no_name_twice)


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
