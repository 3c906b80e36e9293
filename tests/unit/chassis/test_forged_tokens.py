"""Tokens that look right: no forgery by header, algorithm, encoding or JSON is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from services.chassis.service_tokens import SPIFFE_PREFIX
from tests.fakes.service_keys import seed, service_token
from tests.unit.chassis.forge import (
    ALPHABET,
    EC,
    HEADER,
    KEY,
    REGISTRY,
    RSA,
    STRANGER,
    USER_ID,
    World,
    b64,
    good,
    signed,
)
from tests.unit.chassis.rfc_vectors import RFC_7515_HS256, RFC_7515_NONE, RFC_8037_JWS


@pytest.fixture
def world() -> World:
    return World()


async def test_what_is_forged_here_is_otherwise_good(world: World) -> None:
    assert (await world.verifier.verify(good(world))).user_id == USER_ID
    assert (await world.verifier.verify(service_token("social", "auth", world.clock))).service == "social"


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"}, {"x5c": ["MIIB"]}, {"x5t": "AAAA"},
        {"jwk": STRANGER.as_dict(private=False)},
        {"jwk": KEY.as_dict(private=False)}, {"zip": "DEF"}, {"cty": "JWT"}, {"enc": "A128GCM"}, {"nonce": "1"},
        {"alg": "Ed25519"}, {"alg": "eddsa"}, {"alg": ["EdDSA"]}, {"alg": None}, {"alg": "EdDSA "}, {"alg": "Ed448"},
        {"typ": "JWT"}, {"typ": "svc+jwt"}, {"typ": "dpop+jwt"}, {"typ": "AT+JWT"}, {"typ": "application/at+jwt"},
        {"typ": None}, {"typ": ["at+jwt"]}, {"kid": "two"}, {"kid": ""}, {"kid": None}, {"kid": 1}, {"kid": ["one"]},
        {"kid": "../../../dev/null"}, {"kid": "one' OR '1'='1"}, {"kid": "one\u0000"}, {"kid": "ｏｎｅ"},
        {"kid": "x" * 1500},
    ],
    ids=",".join,
)  # fmt: skip
async def test_a_header_that_asks_for_more(world: World, header: dict[str, Any]) -> None:
    assert await world.verify(good(world, header)) is None


@pytest.mark.parametrize("missing", ["alg", "typ", "kid"])
async def test_a_header_that_says_less(world: World, missing: str) -> None:
    header = {name: value for name, value in HEADER.items() if name != missing}
    assert await world.verify(signed(json.dumps(header), json.dumps(world.claims()))) is None


async def test_other_algorithms_with_what_everybody_knows(world: World) -> None:
    public = KEY.as_dict(private=False)
    raw = base64.urlsafe_b64decode(str(public["x"]) + "=")
    secrets = (raw, str(public["x"]).encode(), json.dumps(public).encode(), KEY.as_pem(private=False), b"", b"\0" * 32)
    for typ, kid in (("at+jwt", "one"), ("svc+jwt", seed("social").kid)):
        for name, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
            text = f"{b64(json.dumps({'alg': name, 'typ': typ, 'kid': kid}))}.{b64(json.dumps(world.claims()))}"
            for secret in secrets:
                mac = hmac.digest(secret, text.encode(), digest)
                assert await world.verify(f"{text}.{b64(mac)}") is None
        for name in ("none", "None", "NONE", "nOnE", ""):
            text = f"{b64(json.dumps({'alg': name, 'typ': typ, 'kid': kid}))}.{b64(json.dumps(world.claims()))}"
            assert await world.verify(f"{text}.") is None
            assert await world.verify(text) is None


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA), ("PS256", RSA), ("ES256", EC)])
async def test_other_algorithms_with_keys_of_their_own(world: World, algorithm: str, key: RSAKey | ECKey) -> None:
    embedded = {"jwk": key.as_dict(private=False)}
    for extra in ({}, embedded):
        header = {**HEADER, "alg": algorithm, **extra}
        token = jwt.encode(header, world.claims(), key, algorithms=[algorithm])
        assert await world.verify(token) is None


async def test_one_kind_of_token_never_passes_as_the_other(world: World) -> None:
    social = seed("social")
    service_claims = {
        "iss": SPIFFE_PREFIX + "social", "sub": SPIFFE_PREFIX + "social", "aud": SPIFFE_PREFIX + "auth",
        "iat": world.now_s, "exp": world.now_s + 60,
    }  # fmt: skip
    for typ, kid, claims, key in (
        ("svc+jwt", "one", service_claims, KEY),
        ("svc+jwt", social.kid, world.claims(), social.key),
        ("at+jwt", social.kid, world.claims(), social.key),
        ("at+jwt", "one", service_claims, KEY),
        ("svc+jwt", social.kid, service_claims, KEY),
        ("at+jwt", "one", world.claims(), social.key),
        ("at+jwt", "one", world.claims(), STRANGER),
    ):
        token = jwt.encode({"alg": "EdDSA", "typ": typ, "kid": kid}, claims, key, registry=REGISTRY)
        assert await world.verify(token) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "daira"}, {"iss": ["daira-auth"]}, {"aud": "daira-internal"}, {"aud": ["daira"]},
        {"aud": ["daira", "x"]},
        {"aud": ""}, {"sub": "0"}, {"sub": "-1"}, {"sub": "1e3"}, {"sub": " 1"}, {"sub": "١٢٣"}, {"sub": "1\n"},
        {"sub": str(1 << 63)}, {"sub": "9" * 400}, {"sub": 1.0}, {"sub": True}, {"sub": None}, {"sub": ["1"]},
        {"sid": "x"}, {"sid": 0}, {"sid": {}}, {"acr": 1}, {"acr": "3"}, {"acr": ["2"]}, {"amr": "pwd"}, {"amr": [1]},
        {"scope": ["social"]}, {"scope": 5}, {"roles": "admin"}, {"roles": [["admin"]]}, {"epoch": -1}, {"epoch": "1"},
        {"epoch": True}, {"auth_time": 1.5}, {"cnf": "key"}, {"cnf": {}}, {"cnf": {"jkt": 5}}, {"cnf": {"jkt": ""}},
    ],
    ids=str,
)  # fmt: skip
async def test_claims_of_another_kind(world: World, changes: dict[str, Any]) -> None:
    assert await world.verify(good(world, **changes)) is None


@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({"exp": 0}, False), ({"exp": -900}, False), ({"exp": 1}, True), ({"exp": 900}, True), ({"exp": 901}, False),
        ({"iat": 5}, True), ({"iat": 6}, False), ({"nbf": 5}, True), ({"nbf": 6}, False), ({"nbf": -9}, True),
    ],
    ids=str,
)  # fmt: skip
async def test_times(world: World, changes: dict[str, int], *, is_good: bool) -> None:
    times = {name: world.now_s + seconds for name, seconds in changes.items()}
    assert (await world.verify(good(world, None, **times)) is not None) is is_good


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize("value", ["1780000300", 1780000300.0, 1e400, True, [], {}, 10**400], ids=str)
async def test_times_that_are_no_whole_numbers(world: World, name: str, value: object) -> None:
    assert await world.verify(good(world, None, **{name: value})) is None


JSON_TRICKS: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "a claim twice": lambda header, claims: (header, claims[:-1] + ', "sub": "1"}'),
    "the same claim twice": lambda header, claims: (header, claims[:-1] + f', "sub": "{USER_ID}"}}'),
    "a claim twice, once escaped": lambda header, claims: (header, claims[:-1] + ', "\\u0073ub": "1"}'),
    "a claim within twice": lambda header, claims: (header, claims[:-1] + ', "cnf": {"jkt": "a", "jkt": "b"}}'),
    "a header twice": lambda header, claims: (header[:-1] + ', "alg": "EdDSA"}', claims),
    "another header twice": lambda header, claims: ('{"alg": "none", ' + header[1:], claims),
    "a list": lambda header, claims: (header, f"[{claims}]"),
    "a list as header": lambda header, claims: (f"[{header}]", claims),
    "two objects": lambda header, claims: (header, claims * 2),
    "rubbish behind": lambda header, claims: (header, claims + "x"),
    "a comment": lambda header, claims: (header, claims[:-1] + "/* */}"),
    "not a number": lambda header, claims: (header, claims.replace(f'"{USER_ID}"', "NaN")),
    "a null character": lambda header, claims: (header, claims + "\0"),
    "nothing": lambda header, _claims: (header, ""),
    "null": lambda header, _claims: (header, "null"),
    "deep": lambda header, claims: (header, claims[:-1] + ', "x": ' + "[" * 600 + "]" * 600 + "}"),
    "a deep header": lambda _header, claims: ("[" * 700, claims),
}


@pytest.mark.parametrize("name", JSON_TRICKS)
async def test_json_that_reads_in_two_ways(world: World, name: str) -> None:
    header, claims = JSON_TRICKS[name](json.dumps(HEADER), json.dumps(world.claims()))
    result = await world.verify(signed(header, claims))
    if name == "deep":
        # Deep is no harm in itself; what it must not do is end the process.
        return
    assert result is None


async def test_encodings_of_the_same_bytes(world: World) -> None:
    token = good(world)
    header, payload, signature = token.split(".")
    # The last of 86 characters holds 4 bits that mean nothing.
    last = ALPHABET.index(signature[-1])
    twins = [signature[:-1] + ALPHABET[last ^ bits] for bits in range(1, 16)]
    other = [
        signature + "=", signature + "==", signature + "A", signature + "\n", " " + signature,
        signature[:43] + "\n" + signature[43:],
        signature.replace("-", "+").replace("_", "/") + "==", signature[:40] + "." + signature[40:], signature + ".",
        signature[:-1], signature[:-2], signature[:10], "", "A" * 86, signature.swapcase(),
        signature[:43] + "*" + signature[43:],
    ]  # fmt: skip
    for forged in (*twins, *other):
        assert await world.verify(f"{header}.{payload}.{forged}") is None, forged
    for forged in (
        f"{header}=.{payload}.{signature}", f"{header}.{payload}=.{signature}", f"{header}!.{payload}.{signature}",
        f"{header}.{payload}\n.{signature}", f".{payload}.{signature}", f"{header}..{signature}",
        token + " ", " " + token,
        f"{header}.{payload}.{signature}.{signature}", f"{header}.x.{payload}.x.{signature}",
        token.replace(".", "..", 1),
    ):  # fmt: skip
        assert await world.verify(forged) is None, forged
    assert await world.verify(token) is not None


@pytest.mark.parametrize(
    "token",
    [
        "", ".", "..", "...", "....", "a", "a.b", "a.b.c", "é.é.é", "مرحبا.بك.هنا", "\ud800.a.b", "٠.٠.٠",
        "\0", "\0.\0.\0",
        "e30.e30.e30", "e30.e30.", "bnVsbA.e30.AA", "W10.e30.AA", "IiI.e30.AA", "MA.e30.AA", "_w.e30.AA", "x" * 100_000,
        "." * 100_000, "e30" * 700 + ".e30.AA", RFC_7515_HS256, RFC_7515_NONE, RFC_8037_JWS,
    ],
    ids=lambda token: repr(token[:20]),
)  # fmt: skip
async def test_what_is_no_token(world: World, token: str) -> None:
    assert await world.verify(token) is None


async def test_a_long_token_is_not_even_read(world: World) -> None:
    assert await world.verify(good(world, padding="x" * 100)) is not None
    assert await world.verify(good(world, padding="x" * 2000)) is None
