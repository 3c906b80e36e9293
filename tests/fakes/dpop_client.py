"""A client's key, and the proofs of possession it makes."""

from __future__ import annotations

import json
import secrets
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from services.chassis.dpop import PROOF_TYPE, token_hash
from services.chassis.jws_registry import OneAlgorithm


class DpopClient:
    """Makes proofs for one URL with a key of its own."""

    def __init__(self, url: str, algorithm: str = "ES256") -> None:
        self.url = url
        self.algorithm = algorithm
        self.key: ECKey | OKPKey = (
            ECKey.generate_key("P-256") if algorithm == "ES256" else OKPKey.generate_key("Ed25519")
        )

    @property
    def thumbprint(self) -> str:
        """RFC 7638."""
        return self.key.thumbprint()

    def proof(self, now_s: int, access_token: str = "", *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A proof; `changes` replaces claims, None leaves one out, and `header` replaces parts of the header."""
        claims = {"jti": secrets.token_hex(16), "htm": "POST", "htu": self.url, "iat": now_s, **changes}
        if access_token:
            claims.setdefault("ath", token_hash(access_token))
        payload = json.dumps({name: value for name, value in claims.items() if value is not None})
        protected = {"typ": PROOF_TYPE, "alg": self.algorithm, "jwk": self.key.as_dict(private=False), **(header or {})}
        return jws.serialize_compact(protected, payload, self.key, registry=OneAlgorithm(self.algorithm))
