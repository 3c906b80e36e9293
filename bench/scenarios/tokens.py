"""Checks of access tokens a second on one core: never seen before, seen before, and by PyJWT."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import warnings
from collections.abc import Sequence

import jwt as pyjwt
from joserfc import jwt
from joserfc.jwk import OKPKey

from bench.results import Measurement, measured
from services.chassis.clock import SystemClock
from services.chassis.jwks import KeySet
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.revocations import Revocation, RevocationPage, Revocations
from services.chassis.tokens import (
    USER_JWT_ALGORITHM,
    USER_JWT_AUDIENCE,
    USER_JWT_ISSUER,
    USER_JWT_TYPE,
    TokenVerifier,
)

TOKENS = 4000
QUICK_TOKENS = 20
ENDED_SESSIONS = 1_000
ROUNDS = 5
KID = "bench"


class OneKey:
    """A key set that is at hand."""

    def __init__(self, key: OKPKey) -> None:
        self._jwks = json.dumps({"keys": [key.as_dict(private=False, kid=KID)]})

    async def fetch(self) -> str:
        """The key set."""
        return self._jwks


class SomeEnded:
    """As many ended sessions as a busy quarter of an hour has; none of them is that of a token here."""

    async def read(self, _seen: str, _after: int) -> RevocationPage:
        """All at once."""
        ended = [Revocation(session_id=10**9 + n) for n in range(ENDED_SESSIONS)]
        return RevocationPage(ended, "1:1:", 0, has_more=False)


def run(*, quick: bool = False) -> list[Measurement]:
    """Five rounds of the three in turn, in processor time of the thread: a core's worth whatever else runs."""
    warnings.simplefilter("ignore")
    key = OKPKey.generate_key("Ed25519")
    tokens = mint(key, QUICK_TOKENS if quick else TOKENS)
    public = key.public_key
    fresh, remembered, others = [], [], []
    for _ in range(1 if quick else ROUNDS):
        first, again = asyncio.run(by_verifier(key, tokens))
        fresh.append(first)
        remembered.append(again)
        others.append(by_pyjwt(public, tokens))
    return [
        measured("auth.verify.rps_per_core", fresh, statistics.median(others)),
        measured("auth.verify.vs_pyjwt_ratio", [ours / theirs for ours, theirs in zip(fresh, others, strict=True)]),
        measured("auth.verify.remembered_rps_per_core", remembered, statistics.median(others)),
    ]


def mint(key: OKPKey, count: int) -> list[str]:
    """Access tokens as auth signs them."""
    header = {"alg": USER_JWT_ALGORITHM, "typ": USER_JWT_TYPE, "kid": KID}
    now_s = int(time.time())
    claims = {"iss": USER_JWT_ISSUER, "aud": USER_JWT_AUDIENCE, "iat": now_s, "exp": now_s + 600} | {
        "epoch": 0, "acr": "1", "amr": ["pwd"], "auth_time": now_s, "scope": "account social payments",
    }  # fmt: skip
    registry = OneAlgorithm(USER_JWT_ALGORITHM)
    return [
        jwt.encode(header, {**claims, "sub": str(n + 1), "sid": str(n + 1)}, key, registry=registry)
        for n in range(count)
    ]


async def by_verifier(key: OKPKey, tokens: Sequence[str]) -> tuple[float, float]:
    """Checks a second of tokens that a new verifier has not seen, and of the same ones again."""
    clock = SystemClock()
    keys = KeySet(OneKey(key), clock)
    await keys.load()
    # What PyJWT does not do, a service does: it looks up the session and the account among what was revoked.
    revocations = Revocations(SomeEnded(), clock)
    await revocations.load()
    verifier = TokenVerifier(keys, None, clock, revocations)
    rates = []
    for _ in range(2):
        before = time.thread_time()
        for token in tokens:
            await verifier.verify(token)
        rates.append(len(tokens) / (time.thread_time() - before))
    return rates[0], rates[1]


def by_pyjwt(public: object, tokens: Sequence[str]) -> float:
    """Checks a second by PyJWT, of the signature and the same claims."""
    before = time.thread_time()
    for token in tokens:
        pyjwt.decode(
            token,
            public,  # type: ignore[arg-type]
            algorithms=[USER_JWT_ALGORITHM],
            audience=USER_JWT_AUDIENCE,
            issuer=USER_JWT_ISSUER,
            options={"require": ["exp", "iat", "sub"]},
        )
    return len(tokens) / (time.thread_time() - before)
