"""The settings of a service's identity: its own private key, and the public keys of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from services.chassis.clock import Clock
from services.chassis.config import Env
from services.chassis.service_tokens import PeerTokens, ServiceTokens, ServiceVerifier, SigningSeed, TrustBundle

_MAX_BUNDLE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class ServiceIdentity:
    """Who this service is to others (`name`, by `seed`), and by what it knows them.

    In a mesh certificates say all that, and there are no keys here.
    """

    name: str
    seed: SigningSeed | None = field(repr=False)
    bundle: TrustBundle = field(repr=False)

    @classmethod
    def from_env(cls, env: Env, name: str) -> ServiceIdentity:
        """SERVICE_IDENTITY, SERVICE_SIGNING_KEY and SERVICE_TRUST_BUNDLE.

        Problems, such as a key that is not `name`'s, are in `env`.
        """
        if is_in_mesh(env):
            return cls(name, None, TrustBundle({}))
        nobody = SigningSeed(bytes(32))
        seed = env.parsed(
            "SERVICE_SIGNING_KEY", "the seed of an Ed25519 key: 32 bytes in base64url", SigningSeed.from_text, nobody
        )

        def read(text: str) -> TrustBundle:
            bundle = TrustBundle.parse(text if text.startswith("{") else _read_file(text))
            owner = bundle.find(seed.kid)
            if seed is not nobody and (owner is None or owner[0] != name):
                raise ValueError(f"SERVICE_SIGNING_KEY is not one of {name}'s in it")
            return bundle

        expected = f"the public keys of all services as JSON, or the path of a file with it, {name}'s own among them"
        return cls(name, seed, env.parsed("SERVICE_TRUST_BUNDLE", expected, read, TrustBundle({})))

    def tokens_for(self, service: str, clock: Clock) -> PeerTokens | None:
        """What this service shows to another; None in a mesh."""
        return None if self.seed is None else ServiceTokens(self.seed, self.name, clock).to(service)

    def verifier(self) -> ServiceVerifier | None:
        """Whose tokens this service admits; None in a mesh."""
        return None if self.seed is None else ServiceVerifier(self.bundle, self.name)


def is_in_mesh(env: Env) -> bool:
    """SERVICE_IDENTITY: whether certificates of a mesh say who a service is, and not tokens."""
    return env.choice("SERVICE_IDENTITY", ("token", "mesh"), "token") == "mesh"


def _read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_BUNDLE_BYTES).decode("utf-8")
    except OSError:
        raise ValueError("the file cannot be read") from None
