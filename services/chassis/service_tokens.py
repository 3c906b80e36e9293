"""Who a service is to another: each signs short-lived tokens for the one it calls, and knows the public keys of all."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.chassis.clock import Clock
from services.chassis.identity import Identity, IdentityKind
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.signed_claims import ALGORITHM, check_times, invalid_token, signed_claims

SERVICE_JWT_TYPE: Final = "svc+jwt"
SERVICE_JWT_LIFE_S: Final = 60
SPIFFE_PREFIX: Final = "spiffe://daira/"
SEED_BYTES: Final = 32
# One in use, and the next one or the last one while it is rotated.
KEYS_PER_SERVICE: Final = 2

_SERVICE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_MAX_SERVICES: Final = 100


def spiffe_id(service: str) -> str:
    """The SPIFFE id of a service such as "auth"; ValueError for a name that none can have."""
    if _SERVICE.fullmatch(service) is None:
        raise ValueError("a service's name is small letters, digits and hyphens")
    return SPIFFE_PREFIX + service


def service_of(identity: str) -> str | None:
    """The service that a SPIFFE id names; None for an id of another trust domain, or of nothing in this one."""
    name = identity.removeprefix(SPIFFE_PREFIX)
    return name if name != identity and _SERVICE.fullmatch(name) is not None else None


class SigningSeed:
    """An Ed25519 private key; its id is the RFC 7638 thumbprint of its public half."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"the seed of a signing key has {SEED_BYTES} bytes")
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self._public = {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public)}
        self.key = OKPKey.import_key({**self._public, "d": _base64url(seed)})
        self.kid = self.key.thumbprint()

    def public_jwk(self) -> dict[str, str]:
        """The public half, as a trust bundle lists it."""
        return {**self._public, "kid": self.kid}

    @classmethod
    def from_text(cls, text: str) -> SigningSeed:
        """From base64url, with or without padding; ValueError when it does not hold 32 bytes."""
        return cls(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))


class TrustBundle:
    """The public keys of all services: one each, or two while one is rotated."""

    def __init__(self, keys: Mapping[str, tuple[str, OKPKey]]) -> None:
        """`keys`: by kid, the service and its key."""
        self._keys = dict(keys)

    def find(self, kid: str) -> tuple[str, OKPKey] | None:
        """The service whose key has that id, and the key."""
        return self._keys.get(kid)

    @classmethod
    def parse(cls, text: str) -> TrustBundle:
        """From JSON: {"spiffe://daira/auth": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "…"}]}, …}.

        A `kid` may be left out; one that is there is the RFC 7638 thumbprint. ValueError says what is wrong.
        """
        try:
            document = json.loads(text)
        except RecursionError:
            raise ValueError("not a trust bundle") from None
        if not isinstance(document, dict) or not 0 < len(document) <= _MAX_SERVICES:
            raise ValueError("not an object of key sets by SPIFFE id")
        keys: dict[str, tuple[str, OKPKey]] = {}
        for identity, key_set in document.items():
            service = service_of(identity)
            if service is None:
                raise ValueError("a name is not spiffe://daira/<service>")
            listed = key_set.get("keys") if isinstance(key_set, dict) else None
            if not isinstance(listed, list) or not 0 < len(listed) <= KEYS_PER_SERVICE:
                raise ValueError(f"{identity} needs one key or two")
            for jwk in listed:
                key = _public_key(identity, jwk)
                if key.thumbprint() in keys:
                    raise ValueError(f"{identity} has a key that is listed before")
                keys[key.thumbprint()] = (service, key)
        return cls(keys)


class ServiceTokens:
    """Mints tokens of this service, one kind for each service called, and reuses each for half of its life."""

    def __init__(self, seed: SigningSeed, service: str, clock: Clock) -> None:
        self._seed = seed
        self._subject = spiffe_id(service)
        self._clock = clock
        self._registry = OneAlgorithm(ALGORITHM)

    def to(self, service: str) -> PeerTokens:
        """Tokens that `service` admits, and no other."""
        return PeerTokens(self, spiffe_id(service), self._clock)

    def sign(self, audience: str, now_s: int) -> str:
        """A token for the SPIFFE id `audience`, issued now."""
        header = {"alg": ALGORITHM, "typ": SERVICE_JWT_TYPE, "kid": self._seed.kid}
        claims: dict[str, Any] = {
            "iss": self._subject,
            "sub": self._subject,
            "aud": audience,
            "iat": now_s,
            "exp": now_s + SERVICE_JWT_LIFE_S,
        }
        return jwt.encode(header, claims, self._seed.key, registry=self._registry)


class PeerTokens:
    """Tokens of one service for one other."""

    def __init__(self, tokens: ServiceTokens, audience: str, clock: Clock) -> None:
        self._tokens = tokens
        self._audience = audience
        self._clock = clock
        self._token = ""
        self._fresh_until_s = 0

    def mint(self) -> str:
        """A token good for at least half a minute."""
        now_s = self._clock.now_ms() // 1000
        if now_s >= self._fresh_until_s:
            self._token = self._tokens.sign(self._audience, now_s)
            self._fresh_until_s = now_s + SERVICE_JWT_LIFE_S // 2
        return self._token


class ServiceVerifier:
    """Tells which service signed a token for this one."""

    def __init__(self, bundle: TrustBundle, service: str) -> None:
        self._bundle = bundle
        self._audience = spiffe_id(service)
        self._registry = OneAlgorithm(ALGORITHM)

    def verify(self, token: str, kid: str, now_s: int) -> tuple[Identity, int]:
        """The service, and when its token expires in seconds since 1970. AppError UNAUTHENTICATED."""
        found = self._bundle.find(kid)
        if found is None:
            raise invalid_token()
        service, key = found
        claims = signed_claims(token, key, self._registry)
        expires_s = check_times(claims, now_s, SERVICE_JWT_LIFE_S)
        # Who owns the key says who called; the claims may only agree.
        if claims.get("sub") != spiffe_id(service) or claims.get("iss") != claims["sub"]:
            raise invalid_token()
        if claims.get("aud") != self._audience:
            raise invalid_token()
        return Identity(IdentityKind.SERVICE, service=service), expires_s


def _public_key(identity: str, jwk: object) -> OKPKey:
    if not isinstance(jwk, dict) or jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        raise ValueError(f"{identity} has a key that is not Ed25519")
    if "d" in jwk:
        raise ValueError(f"{identity} has a private key where only public ones belong")
    try:
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": str(jwk.get("x"))})
        thumbprint = key.thumbprint()
    except (JoseError, ValueError, TypeError, AttributeError):
        raise ValueError(f"{identity} has a key that cannot be read") from None
    if jwk.get("kid", thumbprint) != thumbprint:
        raise ValueError(f"{identity} has a key whose kid is not its thumbprint")
    return key


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
