"""Services' tokens: each says who signed it and for whom, and nobody can say it for another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt

from services.chassis.config import Env
from services.chassis.errors import AppError
from services.chassis.identity import Identity, IdentityKind
from services.chassis.jwks import KeySet
from services.chassis.jws_registry import OneAlgorithm
from services.chassis.service_identity import ServiceIdentity
from services.chassis.service_tokens import ServiceTokens, SigningSeed, TrustBundle, service_of, spiffe_id
from services.chassis.tokens import TokenVerifier
from tests.fakes.clock import FixedClock
from tests.fakes.service_keys import BUNDLE_TEXT, identity_settings, seed, service_token, verifier_of
from tests.unit.chassis.rpc_rig import NoKeys

# RFC 8037, appendix A: the key, and its thumbprint.
RFC_8037_SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC_8037_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


class World:
    """A clock, and auth as it tells services apart."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.verifier = self.verifier_of("auth")

    def verifier_of(self, service: str) -> TokenVerifier:
        return TokenVerifier(KeySet(NoKeys(), self.clock), verifier_of(service), self.clock)

    def forged(self, by: str = "social", header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token signed by a service's own key that says something else; None leaves a claim out."""
        now_s = self.clock.now_ms() // 1000
        claims = {"iss": spiffe_id(by), "sub": spiffe_id(by), "aud": spiffe_id("auth"), "iat": now_s, "exp": now_s + 60}
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        full = {"alg": "EdDSA", "typ": "svc+jwt", "kid": seed(by).kid, **(header or {})}
        return jwt.encode(full, claims, seed(by).key, registry=OneAlgorithm("EdDSA"))

    async def refusal(self, token: str, verifier: TokenVerifier | None = None) -> str:
        with pytest.raises(AppError) as caught:
            await (verifier or self.verifier).verify(token)
        return caught.value.reason


@pytest.fixture
def world() -> World:
    return World()


async def test_services_know_each_other_for_a_minute(world: World) -> None:
    token = service_token("analytics", "auth", world.clock)
    assert await world.verifier.verify(token) == Identity(IdentityKind.SERVICE, service="analytics")
    world.clock.advance(60)
    assert await world.refusal(token) == "TOKEN_EXPIRED"


async def test_a_token_is_good_at_the_service_it_is_for_alone(world: World) -> None:
    for audience in ("auth", "payments", "social", "analytics"):
        token = service_token("social", audience, world.clock)
        for callee in ("auth", "payments", "social", "analytics"):
            verifier = world.verifier_of(callee)
            if callee == audience:
                assert (await verifier.verify(token)).service == "social"
            else:
                assert await world.refusal(token, verifier) == "TOKEN_INVALID"


async def test_no_service_can_claim_to_be_another(world: World) -> None:
    assert (await world.verifier.verify(world.forged())).service == "social"
    analytics = spiffe_id("analytics")
    wrong: tuple[dict[str, Any], ...] = ({"sub": analytics}, {"iss": analytics}, {"sub": analytics, "iss": analytics})
    for claims in wrong:
        assert await world.refusal(world.forged(**claims)) == "TOKEN_INVALID"
        assert await world.refusal(world.forged(header={"kid": seed("analytics").kid}, **claims)) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None}, {"aud": "spiffe://daira/"}, {"aud": ["spiffe://daira/auth"]}, {"aud": "daira-internal"},
        {"aud": "spiffe://elsewhere/auth"}, {"iss": None}, {"sub": None}, {"sub": 5, "iss": 5}, {"exp": None},
        {"iat": None}, {"exp": "9999999999"}, {"nbf": 1 << 40}, {"nbf": "now"},
    ],
)  # fmt: skip
async def test_every_claim_counts(world: World, changes: dict[str, Any]) -> None:
    assert await world.refusal(world.forged(**changes)) == "TOKEN_INVALID"


async def test_no_token_lives_longer_than_a_minute_or_comes_from_the_future(world: World) -> None:
    now_s = world.clock.now_ms() // 1000
    assert await world.refusal(world.forged(exp=now_s + 61)) == "TOKEN_INVALID"
    assert await world.refusal(world.forged(iat=now_s + 6, exp=now_s + 30)) == "TOKEN_INVALID"
    assert (await world.verifier.verify(world.forged(iat=now_s + 5, exp=now_s + 30))).service == "social"


async def test_an_unknown_key_is_refused(world: World) -> None:
    token = ServiceTokens(SigningSeed(b"x" * 32), "analytics", world.clock).to("auth").mint()
    assert await world.refusal(token) == "TOKEN_INVALID"


async def test_where_no_service_is_known_none_is_admitted(world: World) -> None:
    verifier = TokenVerifier(KeySet(NoKeys(), world.clock), None, world.clock)
    assert await world.refusal(service_token("social", "auth", world.clock), verifier) == "TOKEN_INVALID"


async def test_a_token_is_minted_anew_in_time(world: World) -> None:
    tokens = ServiceTokens(seed("social"), "social", world.clock).to("auth")
    first = tokens.mint()
    world.clock.advance(29)
    assert tokens.mint() == first
    world.clock.advance(2)
    second = tokens.mint()
    assert second != first
    world.clock.advance(29)
    await world.verifier.verify(second)


def bundle_with(service: str, *seeds: SigningSeed) -> str:
    document = json.loads(BUNDLE_TEXT)
    document[spiffe_id(service)] = {"keys": [one.public_jwk() for one in seeds]}
    return json.dumps(document)


async def test_two_keys_of_a_service_are_good_while_it_is_rotated(world: World) -> None:
    old, new = seed("social"), SigningSeed(b"n" * 32)
    tokens = [ServiceTokens(one, "social", world.clock).to("auth").mint() for one in (old, new)]
    for listed, good in (((old,), [True, False]), ((old, new), [True, True]), ((new,), [False, True])):
        env = Env({**identity_settings("auth"), "SERVICE_TRUST_BUNDLE": bundle_with("social", *listed)})
        verifier = ServiceIdentity.from_env(env, "auth").verifier()
        env.finish()
        for token, is_good in zip(tokens, good, strict=True):
            checked = TokenVerifier(KeySet(NoKeys(), world.clock), verifier, world.clock)
            if is_good:
                assert (await checked.verify(token)).service == "social"
            else:
                assert await world.refusal(token, checked) == "TOKEN_INVALID"


def test_the_key_of_rfc_8037() -> None:
    key = SigningSeed.from_text(RFC_8037_SEED)
    assert key.kid == RFC_8037_THUMBPRINT
    assert key.public_jwk() == {"kty": "OKP", "crv": "Ed25519", "x": RFC_8037_X, "kid": RFC_8037_THUMBPRINT}
    assert RFC_8037_SEED not in repr(key)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _keys: {},
        lambda keys: [keys],
        lambda keys: {"spiffe://elsewhere/auth": keys},
        lambda keys: {"auth": keys},
        lambda keys: {"spiffe://daira/Auth": keys},
        lambda keys: {"spiffe://daira/auth/x": keys},
        lambda _keys: {"spiffe://daira/auth": {"keys": []}},
        lambda keys: {"spiffe://daira/auth": keys["keys"]},
        lambda keys: {"spiffe://daira/auth": {"keys": [*keys["keys"], *keys["keys"]]}},
        lambda keys: {"spiffe://daira/auth": keys, "spiffe://daira/social": keys},
        lambda _keys: {"spiffe://daira/auth": {"keys": [SigningSeed(bytes([n]) * 32).public_jwk() for n in range(3)]}},
        lambda keys: {"spiffe://daira/auth": {"keys": [{**keys["keys"][0], "kid": "mine"}]}},
        lambda keys: {"spiffe://daira/auth": {"keys": [{**keys["keys"][0], "d": RFC_8037_SEED}]}},
        lambda keys: {"spiffe://daira/auth": {"keys": [{**keys["keys"][0], "kty": "EC"}]}},
        lambda keys: {"spiffe://daira/auth": {"keys": [{**keys["keys"][0], "x": "AAAA"}]}},
        lambda keys: {"spiffe://daira/auth": {"keys": [{**keys["keys"][0], "x": 5}]}},
        lambda _keys: {"spiffe://daira/auth": {"keys": ["key"]}},
    ],
)
def test_a_bundle_that_is_none(wrong: Callable[[Any], object]) -> None:
    keys = {"keys": [seed("auth").public_jwk()]}
    assert TrustBundle.parse(json.dumps({"spiffe://daira/auth": keys})).find(seed("auth").kid) is not None
    with pytest.raises(ValueError, match=r"."):
        TrustBundle.parse(json.dumps(wrong(keys)))


def problems(settings: dict[str, str], name: str = "auth") -> list[str]:
    env = Env(settings)
    ServiceIdentity.from_env(env, name)
    try:
        env.finish()
    except Exception as error:  # noqa: BLE001 - its text is what is looked at
        return str(error).splitlines()[1:]
    return []


def test_settings_are_told_apart_without_telling_them(tmp_path: Path) -> None:
    right = identity_settings("auth")
    assert problems(right) == []
    file = tmp_path / "bundle.json"
    file.write_text(BUNDLE_TEXT, encoding="utf-8")
    assert problems({**right, "SERVICE_TRUST_BUNDLE": str(file)}) == []
    assert len(problems({})) == 2
    for changes in (
        {"SERVICE_TRUST_BUNDLE": str(tmp_path / "none")}, {"SERVICE_TRUST_BUNDLE": "{"},
        # A key of another service, or of nobody.
        identity_settings("social"), {"SERVICE_SIGNING_KEY": RFC_8037_SEED},
        {"SERVICE_SIGNING_KEY": "short"}, {"SERVICE_SIGNING_KEY": "م" * 43},
    ):  # fmt: skip
        told = problems({**right, **changes})
        assert len(told) == 1, changes
        assert not any(value in told[0] for value in changes.values())


def test_spiffe_ids() -> None:
    assert service_of(spiffe_id("auth")) == "auth"
    for wrong in ("", "auth", "spiffe://daira/", "spiffe://daira.evil/auth", "spiffe://daira/a/b", "SPIFFE://daira/a"):
        assert service_of(wrong) is None
    with pytest.raises(ValueError, match="name"):
        spiffe_id("a/b")
