"""Proofs of possession: RFC 9449's own, ours, and everybody else's."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from services.chassis.dpop import OnceOnly, ProofChecker, token_hash
from services.chassis.errors import AppError, ErrorKind
from tests.fakes.clock import FixedClock
from tests.fakes.dpop_client import DpopClient

URL = "https://api.daira.example/graphql"
# RFC 9449, section 7.1: the proof of figure 12, made for the access token beside it.
RFC_URL = "https://resource.example.org/protectedresource"
RFC_IAT = 1_562_262_618
RFC_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC_ATH = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
RFC_JWK: dict[str, str | list[str]] = {
    "kty": "EC",
    "crv": "P-256",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
}
RFC_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def refusal(checker: ProofChecker, proof: str, **options: Any) -> None:
    with pytest.raises(AppError) as caught:
        checker.thumbprint(proof, **options)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAUTHENTICATED, "DPOP_PROOF_INVALID")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(RFC_IAT * 1000)


def test_the_rfc_s_hash_and_thumbprint_are_ours() -> None:
    assert token_hash(RFC_TOKEN) == RFC_ATH
    assert ECKey.import_key(RFC_JWK).thumbprint() == RFC_THUMBPRINT


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_good_proof_names_its_key(clock: FixedClock, algorithm: str) -> None:
    client, checker = DpopClient(URL, algorithm), ProofChecker(URL, clock)
    assert checker.thumbprint(client.proof(RFC_IAT)) == client.thumbprint
    bound = client.proof(RFC_IAT, RFC_TOKEN)
    assert checker.thumbprint(bound, access_token=RFC_TOKEN, http_method="POST") == client.thumbprint
    # Clocks differ a little, either way.
    for skew in (-60, 60):
        assert checker.thumbprint(client.proof(RFC_IAT + skew)) == client.thumbprint


@pytest.mark.parametrize(
    "changes",
    [
        {"htu": "https://elsewhere.example/graphql"},
        {"htu": URL + "?query=1"},
        {"htu": None},
        {"htm": "DELETE"},
        {"htm": None},
        {"iat": RFC_IAT - 61},
        {"iat": RFC_IAT + 61},
        {"iat": str(RFC_IAT)},
        {"iat": None},
        {"jti": None},
        {"jti": "short"},
        {"jti": "x" * 129},
        {"jti": "with space in it"},
    ],
)
def test_wrong_claims(clock: FixedClock, changes: dict[str, Any]) -> None:
    refusal(ProofChecker(URL, clock), DpopClient(URL).proof(RFC_IAT, **changes))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"jwk": {"kty": "EC"}},
        {"jwk": OKPKey.generate_key("Ed25519").as_dict(private=False)},
        {"jwk": ECKey.generate_key("P-256").as_dict(private=False)},
        {"jwk": ECKey.generate_key("P-384").as_dict(private=False)},
        {"jwk": OctKey.generate_key(256).as_dict()},
    ],
)
def test_wrong_headers(clock: FixedClock, header: dict[str, Any]) -> None:
    refusal(ProofChecker(URL, clock), DpopClient(URL).proof(RFC_IAT, header=header))


def test_a_private_key_in_a_proof_is_refused(clock: FixedClock) -> None:
    client = DpopClient(URL)
    refusal(ProofChecker(URL, clock), client.proof(RFC_IAT, header={"jwk": client.key.as_dict(private=True)}))


def by_hand(**header: Any) -> str:
    encoded = urlsafe_b64encode(json.dumps({"alg": "ES256", **header}).encode()).rstrip(b"=").decode()
    return f"{encoded}.e30.c2ln"


@pytest.mark.parametrize(
    "proof",
    [
        *("", "x", "a.b.c", "é.a.b", "e30.e30.", "." * 5000),
        by_hand(typ="dpop+jwt"),
        by_hand(typ="dpop+jwt", jwk=None),
        by_hand(typ="dpop+jwt", jwk="a key"),
        by_hand(typ="dpop+jwt", jwk={"kty": "EC", "crv": "P-256", "x": 5, "y": []}),
        by_hand(typ="dpop+jwt", alg="none", jwk={"kty": "oct", "k": "c2ln"}),
        by_hand(typ=None, jwk=RFC_JWK),
    ],
)
def test_what_is_no_proof(clock: FixedClock, proof: str) -> None:
    refusal(ProofChecker(URL, clock), proof)


def test_a_proof_is_for_its_token_and_for_no_other(clock: FixedClock) -> None:
    client, checker = DpopClient(URL), ProofChecker(URL, clock)
    refusal(checker, client.proof(RFC_IAT), access_token=RFC_TOKEN)
    refusal(checker, client.proof(RFC_IAT, "another"), access_token=RFC_TOKEN)
    refusal(checker, client.proof(RFC_IAT, RFC_TOKEN, ath=5), access_token=RFC_TOKEN)
    refusal(checker, client.proof(RFC_IAT, RFC_TOKEN), access_token=RFC_TOKEN, http_method="GET")


def test_where_no_url_is_set_no_proof_is_good(clock: FixedClock) -> None:
    refusal(ProofChecker("", clock), DpopClient("").proof(RFC_IAT))


def test_at_the_edge_a_proof_is_taken_once(clock: FixedClock) -> None:
    client, edge = DpopClient(URL), OnceOnly(URL, clock)
    proof = client.proof(RFC_IAT)
    assert edge.thumbprint(proof) == client.thumbprint
    refusal(edge, proof)
    clock.advance(59)
    refusal(edge, proof)
    # Another client may happen on the same id.
    other = DpopClient(URL)
    assert edge.thumbprint(other.proof(RFC_IAT + 59, jti="the-same-id")) == other.thumbprint
    assert edge.thumbprint(client.proof(RFC_IAT + 59, jti="the-same-id")) == client.thumbprint
