"""An app that asks for tokens bound to its key, through the gateway."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from dev.scratch_platform import ScratchPlatform
from tests.e2e.people import SIGN_IN, Person
from tests.fakes.dpop_client import DpopClient

ME = "{ me { id } wallet { balance { piastres } } homeFeed(first: 1) { degraded } }"


def asks(url: str, query: str, variables: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and body."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json", **headers})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own gateway
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_bound_token_is_good_everywhere_with_its_key_and_nowhere_without(empty_platform: ScratchPlatform) -> None:
    person = Person.signs_up(empty_platform, "laila")
    url = f"{empty_platform.endpoints['GATEWAY_URL']}/graphql"
    client = DpopClient(url)
    sign_in = {"input": {"email": f"{person.handle}@example.com", "password": "كلمة سر طويلة"}}
    # Beside the bearer token of before, which stays one.
    before = {"authorization": f"Bearer {person.token}", "dpop": client.proof(int(time.time()))}
    status, answer = asks(url, SIGN_IN, sign_in, before)
    assert status == 200, answer
    token = answer["data"]["signIn"]["tokens"]["accessToken"]
    proof = client.proof(int(time.time()), token)
    bound = {"authorization": f"DPoP {token}", "dpop": proof}
    # One proof, one request, three services.
    status, answer = asks(url, ME, {}, bound)
    assert status == 200
    assert "errors" not in answer, answer
    assert asks(url, ME, {}, bound)[0] == 401, "a proof is taken once"
    stolen = {"authorization": f"DPoP {token}", "dpop": DpopClient(url).proof(int(time.time()), token)}
    for headers in ({"authorization": f"Bearer {token}"}, {"authorization": f"DPoP {token}"}, stolen):
        status, answer = asks(url, ME, {}, headers)
        assert status == 401 or answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", headers
