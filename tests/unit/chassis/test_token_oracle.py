"""The RFCs' vectors are ours, and PyJWT agrees with every token that we take."""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import Any

import jwt as pyjwt
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey, RSAKey

from tests.unit.chassis.forge import ALPHABET, HEADER, KEY, PRIVATE, REGISTRY, STRANGER, World, good, signed
from tests.unit.chassis.rfc_vectors import RFC_7638_JWK, RFC_7638_THUMBPRINT, RFC_8037_JWK, RFC_8037_JWS


def test_vectors_of_the_rfcs() -> None:
    key = OKPKey.import_key(RFC_8037_JWK)
    assert signed('{"alg":"EdDSA"}', "Example of Ed25519 signing", key) == RFC_8037_JWS
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert RSAKey.import_key(RFC_7638_JWK).thumbprint() == RFC_7638_THUMBPRINT


WORLD = World()
GOOD = good(WORLD)
PUBLIC = PRIVATE.public_key()


def pyjwt_takes(token: str) -> bool:
    """Whether PyJWT finds it good, with the same key and the same demands; it has the wall clock, so times are ours."""
    try:
        claims = pyjwt.decode(
            token,
            PUBLIC,
            algorithms=["EdDSA"],
            audience="daira",
            issuer="daira-auth",
            options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False},
        )
    except (pyjwt.PyJWTError, UnicodeError):
        return False
    return bool(claims["iat"] <= WORLD.now_s + 5 and claims["exp"] > WORLD.now_s)


def ours_takes(token: str) -> bool:
    return asyncio.run(World().verify(token)) is not None


SMALL_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
NAMES = st.sampled_from([*HEADER, *WORLD.claims(), "nbf", "crit", "jwk", "cnf", "roles"])


@given(
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(ALPHABET + ".=+/ \n\u0660"),
    st.sampled_from(["put", "insert", "cut"]),
)
@example(len(GOOD) - 1, "A", "put")
def test_no_change_of_a_character_is_taken(at: int, character: str, how: str) -> None:
    changed = {
        "put": GOOD[:at] + character + GOOD[at + 1 :],
        "insert": GOOD[:at] + character + GOOD[at:],
        "cut": GOOD[:at] + GOOD[at + 1 :],
    }[how]
    assert ours_takes(changed) is (changed == GOOD)


@given(st.dictionaries(NAMES, SMALL_JSON, max_size=3), st.dictionaries(NAMES, SMALL_JSON, max_size=3), st.booleans())
@example({}, {}, True)
@example({}, {"sub": "5"}, True)
@example({}, {"roles": ["admin"]}, False)
def test_whatever_we_take_pyjwt_takes(header: dict[str, Any], claims: dict[str, Any], is_ours: bool) -> None:  # noqa: FBT001
    token = signed(json.dumps({**HEADER, **header}), json.dumps(WORLD.claims(**claims)), KEY if is_ours else STRANGER)
    if ours_takes(token):
        assert is_ours
        assert pyjwt_takes(token)


@given(
    st.integers(1, (1 << 63) - 1), st.integers(1, (1 << 63) - 1), st.integers(-885, 5), st.integers(1, 10),
    st.lists(st.sampled_from(["admin", "support"]), max_size=2), st.integers(0, 1 << 40),
)  # fmt: skip
def test_what_auth_signs_both_take(
    user_id: int, session_id: int, issued: int, lives: int, roles: list[str], epoch: int
) -> None:
    now_s = WORLD.now_s
    claims = WORLD.claims(
        sub=str(user_id), sid=str(session_id), iat=now_s + issued, exp=now_s + 5 + lives, roles=roles, epoch=epoch
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        for token in (
            jwt.encode(HEADER, claims, KEY, registry=REGISTRY),
            pyjwt.encode(claims, PRIVATE, algorithm="EdDSA", headers=HEADER),
        ):
            assert ours_takes(token)
            assert pyjwt_takes(token)
