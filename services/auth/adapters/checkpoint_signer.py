"""Signs what the audit log's chain says, and reads such statements: compact JWS of a type of their own."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.auth.application.audit_ports import BadCheckpointError, Checkpoint
from services.auth.domain.key_schedule import SigningKey
from services.chassis.jws_registry import OneAlgorithm

_ALGORITHM: Final = "EdDSA"
_REGISTRY: Final = OneAlgorithm(_ALGORITHM)
_TYPE: Final = "audit-checkpoint+jws"
_MAX_CHARS: Final = 2048


class CheckpointSigner:
    """Signs with the newest of the audit log's keys, and knows statements of all of them."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = {key.kid: key for key in sorted(keys, key=lambda key: key.active_from)}

    def sign(self, pos: int, chain_hash: bytes, at: datetime, *, starts: bool = False) -> str:
        """The statement that the chain's hash at `pos` is this one; with `starts` that the log begins after it."""
        key = list(self._keys.values())[-1]
        said: dict[str, Any] = {"pos": pos, "chain": chain_hash.hex(), "at": at.isoformat(), "starts": starts}
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": key.kid}
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
                raise BadCheckpointError("it is signed with a key that the audit log does not have")
            read = jws.deserialize_compact(statement, _imported(key, private=False), registry=_REGISTRY)
            said = json.loads(read.payload)
            if read.headers().get("typ") != _TYPE:
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


def _imported(key: SigningKey, *, private: bool) -> OKPKey:
    parts: dict[str, str | list[str]] = {"kty": "OKP", "crv": "Ed25519", "x": key.public}
    if private:
        parts["d"] = urlsafe_b64encode(key.private).rstrip(b"=").decode()
    return OKPKey.import_key(parts)
