"""What forgers of tokens need: keys, a verifier, and signatures over any bytes whatever."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OKPKey, RSAKey

from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import Identity
from services.chassis.jwks import KeySet
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.tokens import TokenVerifier
from tests.fakes.clock import FixedClock
from tests.fakes.service_keys import verifier_of
from tests.fakes.user_claims import user_claims

USER_ID = 7 << 22
KEY = OKPKey.import_key({**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": "one"})
STRANGER = OKPKey.import_key({**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": "one"})
RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-256")
REGISTRY = OneAlgorithm("EdDSA")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": "one"}


class Source:
    """The one key that people's tokens are signed with."""

    async def fetch(self) -> str:
        return json.dumps({"keys": [KEY.as_dict(private=False)]})


class World:
    """A clock and a verifier that has its keys."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.now_s = self.clock.now_ms() // 1000
        self.verifier = TokenVerifier(KeySet(Source(), self.clock), verifier_of("auth"), self.clock)

    def claims(self, **changes: Any) -> dict[str, Any]:
        return user_claims(USER_ID, self.now_s, **{"sid": 5, **changes})

    async def verify(self, token: str) -> Identity | None:
        """Who it is; None for a token that is refused as one must be."""
        try:
            return await self.verifier.verify(token)
        except AppError as error:
            if error.kind is not ErrorKind.UNAUTHENTICATED or error.reason not in {"TOKEN_INVALID", "TOKEN_EXPIRED"}:
                raise
            return None


def raw_private(key: OKPKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(str(key.as_dict(private=True)["d"]) + "="))


def b64(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def signed(header: str, payload: str, key: OKPKey = KEY) -> str:
    """A token of any texts whatever as header and payload, under a signature that is good."""
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(raw_private(key).sign(text.encode()))}"


def good(world: World, changed_header: Mapping[str, Any] | None = None, /, **changes: Any) -> str:
    return signed(json.dumps({**HEADER, **(changed_header or {})}), json.dumps(world.claims(**changes)))


PRIVATE = raw_private(KEY)
