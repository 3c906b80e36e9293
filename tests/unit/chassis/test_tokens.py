"""Tokens are taken for what they are and for nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import Identity, IdentityKind
from services.chassis.jwks import KeySet
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.tokens import TokenVerifier
from tests.fakes.clock import FixedClock
from tests.fakes.service_keys import seed, verifier_of
from tests.fakes.user_claims import user_claims

USER_ID = 7 << 22


class Source:
    """Keys as auth would give them; can be away."""

    def __init__(self, *keys: OKPKey) -> None:
        self.keys = list(keys)
        self.away = False
        self.fetches = 0

    async def fetch(self) -> str:
        self.fetches += 1
        if self.away:
            raise ConnectionError("away")
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]})


class World:
    """A clock, a key, a source and a verifier."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.key = make_key("one")
        self.source = Source(self.key)
        self.keys = KeySet(self.source, self.clock)
        self.verifier = TokenVerifier(self.keys, verifier_of("auth"), self.clock)

    def claims(self, **changes: Any) -> dict[str, Any]:
        return user_claims(USER_ID, self.clock.now_ms() // 1000, **{"sid": 5, **changes})

    def token(self, *, key: OKPKey | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        key = key or self.key
        full = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid, **(header or {})}
        return jwt.encode(full, self.claims(**changes), key, registry=OneAlgorithm("EdDSA"))

    async def refusal(self, token: str) -> AppError:
        with pytest.raises(AppError) as caught:
            await self.verifier.verify(token)
        return caught.value


def make_key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid, "alg": "EdDSA", "use": "sig"})


def segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_good_token_names_its_person(world: World) -> None:
    identity = await world.verifier.verify(world.token())
    now_s = world.clock.now_ms() // 1000
    assert identity == Identity(
        IdentityKind.USER,
        user_id=USER_ID,
        session_id=5,
        level=2,
        authenticated_at_s=now_s,
        issued_at_s=now_s,
        methods=frozenset({"pwd", "otp"}),
        scopes=frozenset({"account", "social", "payments"}),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "daira-internal"},
        {"aud": None},
        {"aud": ["daira"]},
        {"iss": "somebody"},
        {"iss": None},
        {"sub": "spiffe://daira/social"},
        {"sub": "-5"},
        {"sub": "0"},
        {"sub": "٧"},
        {"sub": str(1 << 63)},
        {"sub": None},
        {"sid": None},
        {"sid": True},
        {"exp": None},
        {"exp": "never"},
        {"iat": None},
        {"acr": None},
        {"acr": "3"},
        {"acr": 2},
        {"amr": "pwd"},
        {"auth_time": None},
        {"auth_time": True},
        {"epoch": -1},
        {"epoch": None},
        {"scope": ["social"]},
        {"scope": None},
        {"roles": "admin"},
        {"roles": [1]},
    ],
)
async def test_wrong_claims(world: World, changes: dict[str, Any]) -> None:
    error = await world.refusal(world.token(**changes))
    assert (error.kind, error.reason) == (ErrorKind.UNAUTHENTICATED, "TOKEN_INVALID")


async def test_lifetimes(world: World) -> None:
    now_s = world.clock.now_ms() // 1000
    assert (await world.refusal(world.token(exp=now_s + 901))).reason == "TOKEN_INVALID"
    assert (await world.refusal(world.token(iat=now_s + 60, exp=now_s + 120))).reason == "TOKEN_INVALID"
    assert (await world.refusal(world.token(iat=now_s - 60, exp=now_s))).reason == "TOKEN_EXPIRED"


async def test_a_remembered_token_expires_all_the_same(world: World) -> None:
    token = world.token()
    await world.verifier.verify(token)
    world.clock.advance(599)
    await world.verifier.verify(token)
    world.clock.advance(1)
    assert (await world.refusal(token)).reason == "TOKEN_EXPIRED"


@pytest.mark.parametrize("typ", ["JWT", "svc+jwt", "at+JWT", ""])
async def test_the_type_decides(world: World, typ: str) -> None:
    assert (await world.refusal(world.token(header={"typ": typ}))).reason == "TOKEN_INVALID"


async def test_no_algorithm_is_no_token(world: World) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        header = {"alg": algorithm, "typ": "at+jwt", "kid": "one"}
        token = f"{segment(header)}.{segment(world.claims())}."
        assert (await world.refusal(token)).reason == "TOKEN_INVALID"


async def test_the_public_key_is_no_shared_secret(world: World) -> None:
    public = world.key.as_dict(private=False)
    x = base64.urlsafe_b64decode(str(public["x"]) + "=")
    for secret in (x, str(public["x"]).encode(), json.dumps(public).encode(), world.key.as_pem(private=False)):
        for typ in ("at+jwt", "svc+jwt"):
            signed = f"{segment({'alg': 'HS256', 'typ': typ, 'kid': 'one'})}.{segment(world.claims())}"
            mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
            assert (await world.refusal(f"{signed}.{segment(mac)}")).reason == "TOKEN_INVALID"


async def test_a_service_key_signs_no_people(world: World) -> None:
    signer = seed("auth")
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": signer.kid}
    token = jwt.encode(header, world.claims(), signer.key, registry=OneAlgorithm("EdDSA"))
    assert (await world.refusal(token)).reason == "TOKEN_INVALID"


async def test_a_forged_or_altered_signature(world: World) -> None:
    stranger = make_key("one")
    assert (await world.refusal(world.token(key=stranger))).reason == "TOKEN_INVALID"
    header, payload, signature = world.token().split(".")
    other = segment(world.claims(sub=str(USER_ID + 1)))
    assert (await world.refusal(f"{header}.{other}.{signature}")).reason == "TOKEN_INVALID"
    assert (await world.refusal(f"{header}.{payload}.")).reason == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "not a token", "é.é.é", "[" * 5000, "x" * 3000, "bnVsbA.x.x"]
)
async def test_rubbish(world: World, token: str) -> None:
    assert (await world.refusal(token)).reason == "TOKEN_INVALID"


async def test_an_unknown_key_causes_one_fetch_in_a_while(world: World) -> None:
    await world.verifier.verify(world.token())
    world.clock.advance(10)
    fetches = world.source.fetches
    for n in range(50):
        assert (await world.refusal(world.token(key=make_key(f"made-up-{n}")))).reason == "TOKEN_INVALID"
    assert world.source.fetches == fetches + 1


async def test_a_new_key_is_found_at_its_first_use(world: World) -> None:
    await world.verifier.verify(world.token())
    world.clock.advance(10)
    second = make_key("two")
    world.source.keys.append(second)
    assert (await world.verifier.verify(world.token(key=second))).user_id == USER_ID


async def test_a_withdrawn_key_ends_what_it_signed(world: World) -> None:
    token = world.token()
    await world.verifier.verify(token)
    world.source.keys = [make_key("two")]
    world.clock.advance(10)
    await world.verifier.verify(world.token(key=world.source.keys[0]))
    assert (await world.refusal(token)).reason == "TOKEN_INVALID"


async def test_known_keys_serve_while_their_source_is_away(world: World) -> None:
    await world.verifier.verify(world.token())
    world.source.away = True
    world.clock.advance(3600)
    assert (await world.verifier.verify(world.token())).user_id == USER_ID
    assert (await world.refusal(world.token(key=make_key("new")))).kind is ErrorKind.UNAVAILABLE


async def test_without_any_keys_nobody_is_refused_for_good(world: World) -> None:
    world.source.away = True
    assert (await world.refusal(world.token())).kind is ErrorKind.UNAVAILABLE
    assert await world.keys.load() is False
    world.source.away = False
    world.clock.advance(10)
    assert await world.keys.load() is True
    await world.verifier.verify(world.token())
