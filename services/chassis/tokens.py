"""Tokens: checking people's and services', and minting a service's own."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey

from services.chassis.clock import Clock
from services.chassis.errors import AppError, unauthenticated
from services.chassis.identity import Identity, IdentityKind
from services.chassis.jwks import KeySet
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.revocations import Revocations

USER_JWT_TYPE: Final = "at+jwt"
USER_JWT_ALGORITHM: Final = "EdDSA"
USER_JWT_ISSUER: Final = "daira-auth"
USER_JWT_AUDIENCE: Final = "daira"
USER_JWT_MAX_LIFE_S: Final = 15 * 60

SERVICE_JWT_TYPE: Final = "svc+jwt"
SERVICE_JWT_ALGORITHM: Final = "HS256"
SERVICE_JWT_AUDIENCE: Final = "daira-internal"
SERVICE_JWT_LIFE_S: Final = 60
SPIFFE_PREFIX: Final = "spiffe://daira/"

_MIN_KEY_BYTES: Final = 32
_MAX_TOKEN_CHARS: Final = 2048
_MAX_ID: Final = (1 << 63) - 1
# Machines' clocks differ a little; a token from further in the future than this is refused.
_CLOCK_SKEW_S: Final = 5
# Verified tokens are remembered until they expire: an Ed25519 check costs about as much as the rest of a call.
_MAX_REMEMBERED: Final = 8192


class ServiceTokens:
    """Mints this service's own token, and reuses it for half of its life."""

    def __init__(self, key: bytes, service: str, clock: Clock) -> None:
        if len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"a service token key has at least {_MIN_KEY_BYTES} bytes")
        self._key = OctKey.import_key(key)
        self._registry = OneAlgorithm(SERVICE_JWT_ALGORITHM)
        self._service = service
        self._clock = clock
        self._token = ""
        self._fresh_until_s = 0

    def mint(self) -> str:
        """A token good for at least half a minute."""
        now_s = self._clock.now_ms() // 1000
        if now_s >= self._fresh_until_s:
            claims = {
                "sub": SPIFFE_PREFIX + self._service,
                "aud": SERVICE_JWT_AUDIENCE,
                "iat": now_s,
                "exp": now_s + SERVICE_JWT_LIFE_S,
            }
            header = {"alg": SERVICE_JWT_ALGORITHM, "typ": SERVICE_JWT_TYPE}
            self._token = jwt.encode(header, claims, self._key, registry=self._registry)
            self._fresh_until_s = now_s + SERVICE_JWT_LIFE_S // 2
        return self._token


class TokenVerifier:
    """Tells who a bearer token names.

    The token's `typ` picks the one algorithm, key and audience it is checked with, so a public key can never be used
    as a shared secret nor one kind of token pass as the other. Without `revocations` a token is good until it expires.
    With `stale_reads`, people may still read when it was not heard for long what was revoked; else nothing is done.
    """

    def __init__(
        self,
        keys: KeySet,
        service_key: bytes,
        clock: Clock,
        revocations: Revocations | None = None,
        *,
        stale_reads: bool = False,
    ) -> None:
        if len(service_key) < _MIN_KEY_BYTES:
            raise ValueError(f"a service token key has at least {_MIN_KEY_BYTES} bytes")
        self._revocations = revocations
        self._stale_reads = stale_reads
        self._keys = keys
        self._service_key = OctKey.import_key(service_key)
        self._clock = clock
        self._user_registry = OneAlgorithm(USER_JWT_ALGORITHM)
        self._service_registry = OneAlgorithm(SERVICE_JWT_ALGORITHM)
        self._remembered: dict[str, tuple[Identity, int]] = {}
        self._remembered_generation = keys.generation

    async def verify(self, token: str) -> Identity:
        """The identity in the token.

        AppError UNAUTHENTICATED with reason TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED; UNAVAILABLE when the token
        names a key that is not known while the source of keys cannot be asked.
        """
        identity = await self._signed_identity(token)
        self.check_revoked(identity)
        return identity

    def check_revoked(self, identity: Identity) -> None:
        """AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when the identity was good and is no more."""
        if self._revocations is not None and identity.kind is IdentityKind.USER:
            self._revocations.check(identity)

    def require_fresh(self, identity: Identity, *, is_read: bool) -> None:
        """AppError UNAVAILABLE, reason REVOCATIONS_STALE, when a person's token cannot be relied on for this."""
        if self._revocations is None or identity.kind is not IdentityKind.USER or (is_read and self._stale_reads):
            return
        self._revocations.require_fresh()

    async def _signed_identity(self, token: str) -> Identity:
        now_s = self._clock.now_ms() // 1000
        remembered = self._recall(token, now_s)
        if remembered is not None:
            return remembered
        header = _unverified_header(token)
        if header.get("typ") == USER_JWT_TYPE and header.get("alg") == USER_JWT_ALGORITHM:
            identity, expires_s = await self._verify_user(token, header, now_s)
        elif header.get("typ") == SERVICE_JWT_TYPE and header.get("alg") == SERVICE_JWT_ALGORITHM:
            identity, expires_s = self._verify_service(token, now_s)
        else:
            raise _invalid_token()
        self._remember(token, identity, expires_s)
        return identity

    async def _verify_user(self, token: str, header: Mapping[str, Any], now_s: int) -> tuple[Identity, int]:
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise _invalid_token()
        key = await self._keys.find(kid)
        if key is None:
            raise _invalid_token()
        claims = _signed_claims(token, key, self._user_registry)
        expires_s = _check_times(claims, now_s, USER_JWT_MAX_LIFE_S)
        if claims.get("iss") != USER_JWT_ISSUER or claims.get("aud") != USER_JWT_AUDIENCE:
            raise _invalid_token()
        return _user(claims), expires_s

    def _verify_service(self, token: str, now_s: int) -> tuple[Identity, int]:
        claims = _signed_claims(token, self._service_key, self._service_registry)
        expires_s = _check_times(claims, now_s, SERVICE_JWT_LIFE_S)
        subject = claims.get("sub")
        if claims.get("aud") != SERVICE_JWT_AUDIENCE or not isinstance(subject, str):
            raise _invalid_token()
        service = subject.removeprefix(SPIFFE_PREFIX)
        if service == subject or not service:
            raise _invalid_token()
        return Identity(IdentityKind.SERVICE, service=service), expires_s

    def _recall(self, token: str, now_s: int) -> Identity | None:
        if self._remembered_generation != self._keys.generation:
            # A key may have been withdrawn: what it signed is checked again.
            self._remembered.clear()
            self._remembered_generation = self._keys.generation
        entry = self._remembered.get(token)
        if entry is None:
            return None
        identity, expires_s = entry
        if now_s >= expires_s:
            del self._remembered[token]
            raise _expired_token()
        self._keys.refresh_when_old()
        return identity

    def _remember(self, token: str, identity: Identity, expires_s: int) -> None:
        if len(self._remembered) >= _MAX_REMEMBERED:
            # The oldest entry is the likeliest to have expired.
            del self._remembered[next(iter(self._remembered))]
        self._remembered[token] = (identity, expires_s)


def _unverified_header(token: str) -> Mapping[str, Any]:
    encoded, dot, _ = token.partition(".")
    if not dot or len(token) > _MAX_TOKEN_CHARS or not token.isascii():
        raise _invalid_token()
    try:
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid_token() from None
    if not isinstance(header, dict):
        raise _invalid_token()
    return header


def _signed_claims(token: str, key: OctKey | OKPKey, registry: OneAlgorithm) -> dict[str, Any]:
    try:
        return jwt.decode(token, key, registry=registry).claims
    except (JoseError, ValueError, RecursionError):
        raise _invalid_token() from None


def _user(claims: Mapping[str, Any]) -> Identity:
    level = claims.get("acr")
    if level not in {"1", "2"}:
        raise _invalid_token()
    return Identity(
        IdentityKind.USER,
        user_id=_positive_id(claims.get("sub")),
        session_id=_positive_id(claims.get("sid")),
        level=int(level),
        authenticated_at_s=_count(claims.get("auth_time")),
        issued_at_s=_count(claims.get("iat")),
        epoch=_count(claims.get("epoch")),
        methods=_words(claims.get("amr")),
        scopes=_words(_text(claims.get("scope")).split()),
        roles=_words(claims.get("roles", [])),
        key_thumbprint=_thumbprint(claims.get("cnf")),
    )


def _check_times(claims: Mapping[str, Any], now_s: int, max_life_s: int) -> int:
    """The expiry in seconds since 1970, checked."""
    issued_s, expires_s = claims.get("iat"), claims.get("exp")
    if type(issued_s) is not int or type(expires_s) is not int:
        raise _invalid_token()
    if issued_s > now_s + _CLOCK_SKEW_S or not 0 < expires_s - issued_s <= max_life_s:
        raise _invalid_token()
    if now_s >= expires_s:
        raise _expired_token()
    return expires_s


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_ID:
        raise _invalid_token()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _invalid_token()
    return value


def _thumbprint(confirmation: object) -> str:
    if confirmation is None:
        return ""
    if not isinstance(confirmation, dict) or not isinstance(confirmation.get("jkt"), str) or not confirmation["jkt"]:
        raise _invalid_token()
    return str(confirmation["jkt"])


def _words(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _invalid_token()
    return frozenset(value)


def _positive_id(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(_MAX_ID)):
        number = int(value)
    elif type(value) is int:
        number = value
    else:
        raise _invalid_token()
    if not 0 < number <= _MAX_ID:
        raise _invalid_token()
    return number


def _invalid_token() -> AppError:
    return unauthenticated("TOKEN_INVALID", "the token is not valid here")


def _expired_token() -> AppError:
    return unauthenticated("TOKEN_EXPIRED", "the token has expired")
