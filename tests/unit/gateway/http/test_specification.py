"""The statements of the GraphQL-over-HTTP specification, one by one, as its public audit has them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
QUERY = "{ __typename }"
GOOD = {"data": {"__typename": "Query"}}
BAD_VALUES: list[Any] = [{"obj": "ect"}, 0, False, ["array"]]


async def post(client: httpx.AsyncClient, body: Any, accept: str | None = JSON, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    sent = {"content-type": JSON, **headers, "accept": accept or ""}
    return await client.post("/graphql", content=content, headers=sent)


@pytest.mark.parametrize(
    ("accept", "media"),
    [(GRAPHQL, GRAPHQL), (JSON, JSON), ("*/*", JSON), (None, JSON), (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
     (f"{JSON};q=0.1, {GRAPHQL}", GRAPHQL), ("text/html, */*;q=0.1", JSON), (f"{GRAPHQL}; charset=utf-8", GRAPHQL)],
)  # fmt: skip
async def test_media_type_matches_accept_and_is_utf8(client: httpx.AsyncClient, accept: str | None, media: str) -> None:
    response = await post(client, {"query": QUERY}, accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"
    assert response.json() == GOOD


async def test_accept_absent(client: httpx.AsyncClient) -> None:
    request = client.build_request(
        "POST", "/graphql", content=json.dumps({"query": QUERY}), headers={"content-type": JSON}
    )
    del request.headers["accept"]
    assert (await client.send(request)).headers["content-type"].startswith(JSON)


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", f"{JSON};q=0", f"{JSON}; charset=utf-16", "nonsense", ";;;"]
)
async def test_nothing_acceptable(client: httpx.AsyncClient, accept: str) -> None:
    assert (await post(client, {"query": QUERY}, accept)).status_code == 406


@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=utf-8", f'{JSON};charset="UTF-8"', JSON.upper()])
async def test_requests_in_utf8(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await post(client, {"query": QUERY}, **{"content-type": content_type})).json() == GOOD


async def test_get_in_the_query_string(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": QUERY})
    assert (response.status_code, response.json()) == (200, GOOD)
    query = "query N($skip: Boolean!) { __typename @skip(if: $skip) }"
    parameters = {"query": query, "operationName": "N", "variables": '{"skip": false}', "extensions": '{"a": 1}'}
    assert (await client.get("/graphql", params=parameters)).json() == GOOD


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_get_must_not_change_anything(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get("/graphql", params={"query": "mutation { __typename }"}, headers={"accept": accept})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"5", b'"text"', b"[]", b'[{"query":"{__typename}"}]', b"{}", b"\xff\xfe"]
)
async def test_bodies_that_are_no_request(client: httpx.AsyncClient, accept: str, body: bytes) -> None:
    response = await post(client, body, accept)
    assert response.status_code == 400
    assert response.headers["content-type"].startswith(accept)
    assert "data" not in response.json()
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize("parameter", ["query", "operationName", "variables", "extensions"])
async def test_parameters_of_wrong_types(client: httpx.AsyncClient, parameter: str, value: Any) -> None:
    if parameter in {"variables", "extensions"} and isinstance(value, dict):
        value = "a string"
    assert (await post(client, {"query": QUERY, parameter: value}, GRAPHQL)).status_code == 400


@pytest.mark.parametrize("parameter", ["operationName", "variables", "extensions"])
async def test_null_parameters_are_absent(client: httpx.AsyncClient, parameter: str) -> None:
    assert (await post(client, {"query": QUERY, parameter: None})).json() == GOOD


async def test_parameters_of_right_types(client: httpx.AsyncClient) -> None:
    query = "query N($a: Boolean!) { __typename @include(if: $a) }"
    body = {"query": query, "operationName": "N", "variables": {"a": True}, "extensions": {"b": "c"}, "unknown": 1}
    for accept in (GRAPHQL, JSON):
        assert (await post(client, body, accept)).json() == GOOD


REQUEST_ERRORS = {
    "parsing": {"query": "{"},
    "validation": {"query": "{ 8f31403dfe404bccbb0e835f2629c6a7 }"},
    "unknown field": {"query": "{ nothing }"},
    "variable coercion": {"query": "query N($a: Boolean!) { __typename @skip(if: $a) }", "variables": {"a": "x"}},
    "missing variable": {"query": "query N($a: Boolean!) { __typename @skip(if: $a) }"},
    "unknown operation": {"query": QUERY, "operationName": "Other"},
    "which operation": {"query": "query A { __typename } query B { __typename }"},
    "no operation": {"query": "fragment F on Query { __typename }"},
    "subscription": {"query": "subscription { __typename }"},
    "type system": {"query": "type Query { a: Int }"},
}


@pytest.mark.parametrize("case", REQUEST_ERRORS)
async def test_request_errors_have_no_data(client: httpx.AsyncClient, case: str) -> None:
    new, old = await post(client, REQUEST_ERRORS[case], GRAPHQL), await post(client, REQUEST_ERRORS[case], JSON)
    assert (new.status_code, old.status_code) == (400, 200)
    for response in (new, old):
        assert "data" not in response.json()
        assert all(error["extensions"]["code"] for error in response.json()["errors"])


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_once_execution_starts_the_status_is_200(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, {"query": '{ post(id: "garbage") { id } }'}, accept)
    assert response.status_code == 200
    assert response.json()["data"] == {"post": None}
    assert response.json()["errors"][0]["path"] == ["post"]


async def test_null_for_an_argument_that_may_not_be_is_the_clients_error(client: httpx.AsyncClient) -> None:
    body = {"query": "query($n: Int) { homeFeed(first: $n) { degraded } }", "variables": {"n": None}}
    (error,) = (await post(client, body)).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
