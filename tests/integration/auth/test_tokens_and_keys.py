"""Access tokens are what the house's verifier takes, forged ones are not, and keys rotate without a failed check."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from daira.auth.v1 import auth_service_pb2 as pb
from services.auth.adapters.postgres.signing_keys import PostgresSigningKeys
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.key_ring import KeyRing
from services.auth.domain.key_schedule import KeySchedule
from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import IdentityKind
from services.chassis.jwks import KeySet
from services.chassis.postgres import create_pool
from services.chassis.tokens import TokenVerifier
from services.sealing.key_encryption import WrongKeyEncryptionKeyError
from tests.fakes.clock import FixedClock
from tests.fakes.service_keys import service_token, verifier_of
from tests.integration.auth.server import KEK, Running, bearer, refused, running

PHONE = "01001234567"
DENIED = grpc.StatusCode.UNAUTHENTICATED
DAY_S = 86_400


class RpcJwks:
    """The key set as another service gets it."""

    def __init__(self, auth: Running) -> None:
        self._auth = auth

    async def fetch(self) -> str:
        response: pb.GetJwksResponse = await self._auth.stub.GetJwks(pb.GetJwksRequest())
        return response.jwks_json


async def kids(auth: Running) -> list[str]:
    return [key["kid"] for key in json.loads(await RpcJwks(auth).fetch())["keys"]]


def decoded(part: str) -> dict[str, object]:
    value: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def encoded(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_another_service_verifies_a_token_by_itself(auth: Running) -> None:
    made = await auth.register(PHONE)
    header, claims = (decoded(part) for part in made.tokens.access_token.split(".")[:2])
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": (await kids(auth))[0]}
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("daira-auth", "daira", str(made.user_id))
    assert set(claims) == {
        "iss", "aud", "sub", "sid", "iat", "exp", "epoch", "acr", "amr", "auth_time", "scope",
    }  # fmt: skip
    verifier = TokenVerifier(KeySet(RpcJwks(auth), auth.clock), verifier_of("auth"), auth.clock)
    identity = await verifier.verify(made.tokens.access_token)
    assert (identity.kind, identity.user_id) == (IdentityKind.USER, made.user_id)
    auth.clock.advance(601)
    with pytest.raises(AppError, match="TOKEN_EXPIRED"):
        await verifier.verify(made.tokens.access_token)


async def test_the_key_set_holds_public_halves_only(auth: Running) -> None:
    for key in json.loads(await RpcJwks(auth).fetch())["keys"]:
        assert set(key) == {"kty", "crv", "use", "alg", "kid", "x"}


async def test_forged_tokens_are_refused(auth: Running) -> None:
    made = await auth.register(PHONE)
    head, body, signature = made.tokens.access_token.split(".")
    header, claims = decoded(head), decoded(body)
    public = json.loads(await RpcJwks(auth).fetch())["keys"][0]["x"]
    public_bytes = base64.urlsafe_b64decode(public + "=")
    own_key = OKPKey.generate_key("Ed25519")
    forged = {
        "other subject": f"{head}.{encoded(claims | {'sub': '1'})}.{signature}",
        "longer life": f"{head}.{encoded(claims | {'exp': 4_000_000_000})}.{signature}",
        "no signature": f"{head}.{body}.",
        "alg none": f"{encoded(header | {'alg': 'none'})}.{body}.",
        "public key as a secret": jwt.encode(
            header | {"alg": "HS256"}, claims, OctKey.import_key(public_bytes), algorithms=["HS256"]
        ),
        "own key, known kid": jwt.encode(header, claims, own_key, algorithms=["EdDSA"]),
        "own key, own kid": jwt.encode(header | {"kid": "mine"}, claims, own_key, algorithms=["EdDSA"]),
        "own key in the header": jwt.encode(
            header | {"jwk": own_key.as_dict(private=False)}, claims, own_key, algorithms=["EdDSA"]
        ),
        "path as kid": jwt.encode(header | {"kid": "../../dev/null"}, claims, own_key, algorithms=["EdDSA"]),
        "a refresh token": made.tokens.refresh_token,
    }
    for name, token in forged.items():
        with refused(DENIED, "TOKEN_INVALID") as said:
            await auth.account(token)
        assert token not in said.details, name


async def test_a_service_token_is_no_person(auth: Running) -> None:
    token = service_token("analytics", "auth", auth.clock)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"):
        await auth.stub.GetAccount(pb.GetAccountRequest(), metadata=bearer(token))


async def test_replicas_that_start_together_agree_on_the_keys(auth_database: str, clock: FixedClock) -> None:
    pool = await create_pool(auth_database, application_name="test", max_size=10)
    rings = [KeyRing(PostgresSigningKeys(pool, SigningKeyBox(KEK)), KeySchedule(), clock) for _ in range(12)]
    await asyncio.gather(*(ring.load() for ring in rings))
    assert len({tuple(key.kid for key in ring.published()) for ring in rings}) == 1
    assert len({ring.signing().kid for ring in rings}) == 1
    assert await pool.fetchval("SELECT count(*) FROM signing_keys") == 2
    await pool.close()


async def test_a_key_is_known_before_it_signs_and_verifies_after_it_stopped(auth: Running) -> None:
    made = await auth.register(PHONE)
    first, second = await kids(auth)
    verifier = TokenVerifier(KeySet(RpcJwks(auth), auth.clock), verifier_of("auth"), auth.clock)
    await verifier.verify(made.tokens.access_token)
    # One minute before the second key begins: the last token of the first.
    auth.clock.advance(30 * DAY_S - 60)
    await auth.auth.ring.load()
    last = await auth.sign_in(PHONE)
    assert decoded(last.tokens.access_token.split(".")[0])["kid"] == first
    auth.clock.advance(120)
    await auth.auth.ring.load()
    assert (await kids(auth))[:2] == [first, second]
    assert len(await kids(auth)) == 3
    next_ = await auth.sign_in(PHONE)
    assert decoded(next_.tokens.access_token.split(".")[0])["kid"] == second
    await verifier.verify(last.tokens.access_token)
    await verifier.verify(next_.tokens.access_token)
    # Once nothing it signed is alive, the first key is gone.
    auth.clock.advance(3600)
    assert first not in await kids(auth)
    auth.clock.advance(62 * DAY_S)
    await auth.auth.ring.load()
    assert await auth.pool.fetchval("SELECT count(*) FROM signing_keys WHERE kid = $1", first) == 0


async def test_a_restart_keeps_keys_and_sessions(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as auth:
        made = await auth.register(PHONE)
        before = await kids(auth)
    async with running(auth_database, clock) as auth:
        assert await kids(auth) == before
        await auth.account(made.tokens.access_token)


async def test_another_root_key_opens_nothing(auth: Running) -> None:
    box = SigningKeyBox(secrets.token_bytes(32))
    ring = KeyRing(PostgresSigningKeys(auth.pool, box), KeySchedule(), auth.clock)
    with pytest.raises(WrongKeyEncryptionKeyError, match="another root key"):
        await ring.load()


async def test_private_keys_are_not_in_the_database(auth: Running) -> None:
    private = auth.auth.ring.signing().private
    row = await auth.pool.fetchrow("SELECT * FROM signing_keys ORDER BY active_from LIMIT 1")
    assert row is not None
    assert private not in bytes(row["private_key_sealed"])


async def test_without_a_schema_the_ring_waits(postgres_url: str, clock: FixedClock) -> None:
    pool = await create_pool(postgres_url, application_name="test")
    ring = KeyRing(PostgresSigningKeys(pool, SigningKeyBox(KEK)), KeySchedule(), clock)
    with pytest.raises(AppError) as caught:
        await ring.load()
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    await pool.close()
