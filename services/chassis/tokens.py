"""Tokens: telling whom a bearer token names, a person or a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.identity import Identity, IdentityKind
from services.chassis.jwks import KeySet
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.revocations import Revocations
from services.chassis.service_tokens import SERVICE_JWT_TYPE, ServiceVerifier
from services.chassis.signed_claims import (
    ALGORITHM,
    check_times,
    expired_token,
    invalid_token,
    signed_claims,
    unverified_header,
)

USER_JWT_TYPE: Final = "at+jwt"
USER_JWT_ALGORITHM: Final = ALGORITHM
USER_JWT_ISSUER: Final = "daira-auth"
USER_JWT_AUDIENCE: Final = "daira"
USER_JWT_MAX_LIFE_S: Final = 15 * 60

_MAX_ID: Final = (1 << 63) - 1
# Verified tokens are remembered until they expire: an Ed25519 check costs about as much as the rest of a call.
_MAX_REMEMBERED: Final = 8192


class TokenVerifier:
    """Tells who a bearer token names.

    The token's `typ` picks the keys and the audience it is checked with, so no kind of token passes as the other; there
    is one algorithm, so no public key is ever used as a shared secret. Without `services` no service is known, and
    without `revocations` a token is good until it expires. With `stale_reads`, people may still
    read when it was not heard for long what was revoked; else nothing is done.
    """

    def __init__(
        self,
        keys: KeySet,
        services: ServiceVerifier | None,
        clock: Clock,
        revocations: Revocations | None = None,
        *,
        stale_reads: bool = False,
    ) -> None:
        self._revocations = revocations
        self._stale_reads = stale_reads
        self._keys = keys
        self._services = services
        self._clock = clock
        self._user_registry = OneAlgorithm(USER_JWT_ALGORITHM)
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
        if self._keys.are_too_old():
            await self._keys.refresh()
        remembered = self._recall(token, now_s)
        if remembered is not None:
            return remembered
        header = unverified_header(token)
        if header["alg"] != ALGORITHM:
            raise invalid_token()
        if header["typ"] == USER_JWT_TYPE:
            identity, expires_s = await self._verify_user(token, header["kid"], now_s)
        elif header["typ"] == SERVICE_JWT_TYPE and self._services is not None:
            identity, expires_s = self._services.verify(token, header["kid"], now_s)
        else:
            raise invalid_token()
        self._remember(token, identity, expires_s)
        return identity

    async def _verify_user(self, token: str, kid: str, now_s: int) -> tuple[Identity, int]:
        key = await self._keys.find(kid)
        if key is None:
            raise invalid_token()
        claims = signed_claims(token, key, self._user_registry)
        expires_s = check_times(claims, now_s, USER_JWT_MAX_LIFE_S)
        if claims.get("iss") != USER_JWT_ISSUER or claims.get("aud") != USER_JWT_AUDIENCE:
            raise invalid_token()
        return _user(claims), expires_s

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
            raise expired_token()
        self._keys.refresh_when_old()
        return identity

    def _remember(self, token: str, identity: Identity, expires_s: int) -> None:
        if len(self._remembered) >= _MAX_REMEMBERED:
            # The oldest entry is the likeliest to have expired.
            del self._remembered[next(iter(self._remembered))]
        self._remembered[token] = (identity, expires_s)


def _user(claims: Mapping[str, Any]) -> Identity:
    level = _text(claims.get("acr"))
    if level not in {"1", "2"}:
        raise invalid_token()
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


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_ID:
        raise invalid_token()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise invalid_token()
    return value


def _thumbprint(confirmation: object) -> str:
    if confirmation is None:
        return ""
    if not isinstance(confirmation, dict) or not isinstance(confirmation.get("jkt"), str) or not confirmation["jkt"]:
        raise invalid_token()
    return str(confirmation["jkt"])


def _words(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise invalid_token()
    return frozenset(value)


def _positive_id(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(_MAX_ID)):
        number = int(value)
    elif type(value) is int:
        number = value
    else:
        raise invalid_token()
    if not 0 < number <= _MAX_ID:
        raise invalid_token()
    return number
