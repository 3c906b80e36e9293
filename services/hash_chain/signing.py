"""Signs what a chain says, and reads such statements: compact JWS, of a type that each chain has for itself."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.chassis.jws_registry import OneAlgorithm
from services.hash_chain.checkpoints import BadCheckpointError, Checkpoint

_ALGORITHM: Final = "EdDSA"
_REGISTRY: Final = OneAlgorithm(_ALGORITHM)
_MAX_CHARS: Final = 2048


class KeyPair(Protocol):
    """An Ed25519 key pair: `public` is base64url as in a JWK, `private` the 32 bytes of the seed."""

    @property
    def kid(self) -> str:
        """Its id."""
        ...

    @property
    def public(self) -> str:
        """The public half."""
        ...

    @property
    def private(self) -> bytes:
        """The private half."""
        ...

    @property
    def active_from(self) -> datetime:
        """When it begins to sign."""
        ...


class CheckpointSigner:
    """Signs with the newest of a chain's keys, and knows statements of all of them."""

    def __init__(self, keys: Iterable[KeyPair], statement_type: str) -> None:
        self._type = statement_type
        self._keys = {key.kid: key for key in sorted(keys, key=lambda key: key.active_from)}

    def sign(self, pos: int, chain_hash: bytes, at: datetime, *, starts: bool = False) -> str:
        """The statement that the chain's hash at `pos` is this one; with `starts` that the chain begins after it."""
        key = list(self._keys.values())[-1]
        said: dict[str, Any] = {"pos": pos, "chain": chain_hash.hex(), "at": at.isoformat(), "starts": starts}
        header = {"alg": _ALGORITHM, "typ": self._type, "kid": key.kid}
        payload = json.dumps(said, separators=(",", ":")).encode()
        return jws.serialize_compact(header, payload, _imported(key, private=True), registry=_REGISTRY)

    def read(self, statement: str) -> Checkpoint:
        """What a statement says; BadCheckpointError when none of the keys signed it."""
        if len(statement) > _MAX_CHARS:
            raise BadCheckpointError("it is too long for a checkpoint")
        try:
            kid = jws.extract_compact(statement.encode()).headers().get("kid")
            key = self._keys.get(str(kid))
            if key is None:
                raise BadCheckpointError("it is signed with a key that the chain does not have")
            read = jws.deserialize_compact(statement, _imported(key, private=False), registry=_REGISTRY)
            said = json.loads(read.payload)
            if read.headers().get("typ") != self._type:
                raise BadCheckpointError("it is not of a checkpoint's type")
            return Checkpoint(
                pos=int(said["pos"]),
                chain_hash=bytes.fromhex(said["chain"]),
                kid=key.kid,
                at=datetime.fromisoformat(said["at"]).astimezone(UTC),
                starts=bool(said["starts"]),
            )
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise BadCheckpointError(f"its signature is false, or it is damaged ({type(error).__name__})") from None


def _imported(key: KeyPair, *, private: bool) -> OKPKey:
    parts: dict[str, str | list[str]] = {"kty": "OKP", "crv": "Ed25519", "x": key.public}
    if private:
        parts["d"] = urlsafe_b64encode(key.private).rstrip(b"=").decode()
    return OKPKey.import_key(parts)
