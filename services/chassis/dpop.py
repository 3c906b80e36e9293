"""Proofs of possession (RFC 9449): a token that was bound to a key is worth nothing without that key."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from services.chassis.clock import Clock
from services.chassis.errors import AppError, unauthenticated
from services.chassis.expiring_map import ExpiringMap
from services.chassis.jws_registry import OneAlgorithm

PROOF_TYPE: Final = "dpop+jwt"
PROOF_MAX_AGE_S: Final = 60
_METHODS: Final = frozenset({"GET", "POST"})
_MAX_PROOF_CHARS: Final = 2048
_JTI: Final = re.compile(r"[\x21-\x7e]{8,128}")
_MAX_SEEN: Final = 100_000
_REGISTRIES: Final = {"ES256": OneAlgorithm("ES256"), "EdDSA": OneAlgorithm("EdDSA")}


class ProofChecker:
    """Checks proofs for one URL, such as "https://api.daira.example/graphql"; without one, no proof is good."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock

    def thumbprint(self, proof: str, *, access_token: str = "", http_method: str = "") -> str:
        """The RFC 7638 thumbprint of the proof's key: 43 characters of base64url.

        With `access_token` the proof must be for that token, with `http_method` for that method. A proof may be seen
        again: `OnceOnly` is for where requests come in. AppError UNAUTHENTICATED, reason DPOP_PROOF_INVALID.
        """
        return self._check(proof, access_token, http_method)[0]

    def _check(self, proof: str, access_token: str, http_method: str) -> tuple[str, str]:
        if not self._url or len(proof) > _MAX_PROOF_CHARS or not proof.isascii():
            raise _invalid()
        try:
            key, claims = _signed(proof)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            raise _invalid() from None
        issued_s, jti = claims.get("iat"), claims.get("jti")
        now_s = self._clock.now_ms() // 1000
        if type(issued_s) is not int or abs(now_s - issued_s) > PROOF_MAX_AGE_S:
            raise _invalid()
        if claims.get("htu") != self._url or claims.get("htm") not in ({http_method} if http_method else _METHODS):
            raise _invalid()
        if not isinstance(jti, str) or _JTI.fullmatch(jti) is None:
            raise _invalid()
        if access_token:
            said = claims.get("ath")
            if not isinstance(said, str) or not hmac.compare_digest(said.encode(), token_hash(access_token).encode()):
                raise _invalid()
        return key.thumbprint(), jti


class OnceOnly(ProofChecker):
    """Takes each proof once, as far as this process has seen: where requests come in."""

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(url, clock)
        self._seen: ExpiringMap[tuple[str, str], None] = ExpiringMap()

    def thumbprint(self, proof: str, *, access_token: str = "", http_method: str = "") -> str:
        """As of ProofChecker; a proof that was taken before is refused alike."""
        thumbprint, jti = self._check(proof, access_token, http_method)
        now = self._clock.monotonic()
        self._seen.forget(now, _MAX_SEEN - 1)
        if (thumbprint, jti) in self._seen:
            raise _invalid()
        self._seen.put((thumbprint, jti), None, now + 2 * PROOF_MAX_AGE_S)
        return thumbprint


def token_hash(access_token: str) -> str:
    """The `ath` claim of a token."""
    return urlsafe_b64encode(hashlib.sha256(access_token.encode("ascii")).digest()).rstrip(b"=").decode()


def _signed(proof: str) -> tuple[ECKey | OKPKey, Mapping[str, Any]]:
    """The key and the claims of a proof whose signature is good; ValueError or JoseError otherwise."""
    header = jws.extract_compact(proof.encode()).protected
    jwk = header["jwk"]
    if header.get("typ") != PROOF_TYPE or not isinstance(jwk, dict) or "d" in jwk:
        raise ValueError(PROOF_TYPE)
    registry = _REGISTRIES[header["alg"]]
    kind = (header["alg"], jwk.get("kty"), jwk.get("crv"))
    key: ECKey | OKPKey
    if kind == ("ES256", "EC", "P-256"):
        key = ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
    elif kind == ("EdDSA", "OKP", "Ed25519"):
        key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
    else:
        raise ValueError(PROOF_TYPE)
    claims = json.loads(jws.deserialize_compact(proof.encode(), key, registry=registry).payload)
    if not isinstance(claims, dict):
        raise TypeError(PROOF_TYPE)
    return key, claims


def _invalid() -> AppError:
    return unauthenticated("DPOP_PROOF_INVALID", "the proof of possession is missing, used or not for this request")
