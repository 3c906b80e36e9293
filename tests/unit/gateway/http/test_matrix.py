"""Methods, content types, bodies and addresses: each combination has one clear answer."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from daira.payments.v1 import payments_service_pb2
from daira.social.v1 import post_pb2, post_service_pb2
from gateway.http import parameters
from gateway.http.asgi import BODY_BYTES_MAX, Refused
from gateway.opaque_ids import IdType, encode
from services.chassis import context
from tests.unit.gateway.conftest import TIMEOUT_S, StubCalls

QUERY = {"query": "{ __typename }"}
CREATE = 'mutation($b: String!) { createPost(input: {body: $b, idempotencyKey: "k"}) { post { body } } }'
ONE_POST = f'{{ post(id: "{encode(IdType.POST, 1)}") {{ id }} }}'


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"])
async def test_other_methods(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql", json=QUERY)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql",
     "application/json; charset=utf-16", "application/json; charset=latin-1", "application/jsonp", "json"],
)  # fmt: skip
async def test_other_content_types(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/graphql", content=json.dumps(QUERY), headers={"content-type": content_type})
    assert response.status_code == 415


async def test_no_content_type(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphql", content=json.dumps(QUERY))).status_code == 415


@pytest.mark.parametrize(
    "path", ["/graphql/", "/GraphQL", "/api", "/favicon.ico", "/graphiql/../main.py", "/graphiql/x/page.js"]
)
async def test_other_addresses(client: httpx.AsyncClient, path: str) -> None:
    for response in (await client.get(path), await client.post(path, json=QUERY)):
        assert response.status_code == 404
        assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_probes(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).text == "ok\n"
    assert (await client.get("/readyz")).json() == {"gateway": "serving"}
    assert (await client.head("/readyz")).status_code == 200
    assert (await client.post("/healthz")).status_code == 405


@pytest.mark.parametrize(("size", "status"), [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)])
async def test_body_size(client: httpx.AsyncClient, size: int, status: int) -> None:
    body = json.dumps(QUERY)
    padded = body + " " * (size - len(body))
    response = await client.post("/graphql", content=padded, headers={"content-type": "application/json"})
    assert response.status_code == status


@pytest.mark.parametrize(
    "query_string",
    ["query=%ff%fe", "query=%7B__typename%7D&query=%7B__typename%7D", "variables=%7B", "query=", "", "operationName=A",
     "query=%7B__typename%7D&variables=5", "query=%7B__typename%7D&variables=%5B%5D", "&" * 50 + "query=a",
     "query=%7B__typename%7D&extensions=x"],
)  # fmt: skip
async def test_malformed_query_strings(client: httpx.AsyncClient, query_string: str) -> None:
    assert (await client.get(f"/graphql?{query_string}")).status_code == 400


def test_address_too_long() -> None:
    with pytest.raises(Refused) as caught:
        parameters.from_query_string(b"query=" + b"x" * BODY_BYTES_MAX)
    assert caught.value.status == 414


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_of_other_sites_may_not_read_by_get(client: httpx.AsyncClient, site: str) -> None:
    headers = {"sec-fetch-site": site}
    refused = await client.get("/graphql", params=QUERY, headers=headers)
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["extensions"]["code"] == "CSRF_REFUSED"
    for name in ("x-daira-preflight", "apollo-require-preflight", "graphql-require-preflight"):
        assert (await client.get("/graphql", params=QUERY, headers={**headers, name: "1"})).status_code == 200
    assert (await client.get("/graphql", params=QUERY, headers={"sec-fetch-site": "same-origin"})).status_code == 200


@pytest.mark.parametrize("given", ["", "has space", "x" * 65, "\u00e9", "a\tb", "<script>"])
async def test_request_ids_that_are_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.post("/graphql", json=QUERY, headers={b"x-request-id": given.encode("latin-1")})
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) >= 16


async def test_answers_are_not_kept(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json=QUERY)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "body",
    [
        "plain",
        "مساء الخير، Cairo! 🌙",
        "\u202eevil\u202c",  # The service decides on bidi controls; the gateway carries them whole.
        "\u2066isolate\u2069",
        "\u200f\u200e\u061c",
        "نص\u200cبفاصل\u200d",
        "e\u0301 vs \u00e9",
        "\x00\x07\x1b",
        "line\nbreak\ttab",
        "𝕏" * 1000,
    ],
)
async def test_text_arrives_as_it_was_sent(client: httpx.AsyncClient, calls: StubCalls, body: str) -> None:
    def create(request: Any) -> Any:
        return post_service_pb2.CreatePostResponse(post=post_pb2.Post(post_id=1, body=request.body))

    calls.answers["CreatePost"] = create
    answer = (await client.post("/graphql", json={"query": CREATE, "variables": {"b": body}})).json()
    assert answer == {"data": {"createPost": {"post": {"body": body}}}}


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"query":"{ __typename }","variables":{"b":"\ud800"}}',
        b'{"query":"{ __typename }","variables":{"b":"\xed\xa0\x80"}}',
        b'{"query":"{ __typename }","variables":{"b":"\xc3\x28"}}',
        b'{"query":"{ __typename }","variables":{"n":NaN}}',
        b'{"query":"{ __typename }","variables":{"n":Infinity}}',
        b'\xef\xbb\xbf{"query":"{ __typename }"}',
        b'{"query":"{ __typename }"} trailing',
        b'{"query":"' + b"[" * 10 + b"\x01" + b'"}',
        b"[" * 100_000,
        b'{"a":' * 20_000,
    ],
)
async def test_broken_text(client: httpx.AsyncClient, raw: bytes) -> None:
    response = await client.post("/graphql", content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 400


async def test_unpaired_surrogate_in_a_literal(client: httpx.AsyncClient, calls: StubCalls) -> None:
    query = r'mutation { createPost(input: {body: "\uD800", idempotencyKey: "k"}) { post { id } } }'
    answer = (await client.post("/graphql", json={"query": query})).json()
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert calls.requests == []


@pytest.mark.parametrize("given", ["garbage", "5", "", encode(IdType.USER, 7), encode(IdType.TRANSFER, 7)])
async def test_ids_of_something_else(client: httpx.AsyncClient, calls: StubCalls, given: str) -> None:
    query = "query($id: ID!) { post(id: $id) { id } }"
    (error,) = (await client.post("/graphql", json={"query": query, "variables": {"id": given}})).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["fieldViolations"][0]["field"] == "id"
    assert calls.requests == []


@pytest.mark.parametrize(
    "variables", [{"id": 5}, {"id": 1.5}, {"id": True}, {"id": None}, {"id": {}}, {"id": ["x"]}, {}]
)
async def test_ids_of_wrong_types(client: httpx.AsyncClient, calls: StubCalls, variables: dict[str, Any]) -> None:
    query = "query($id: ID!) { post(id: $id) { id } }"
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert calls.requests == []


async def test_bugs_of_ours_are_masked(client: httpx.AsyncClient, calls: StubCalls) -> None:
    calls.answers["GetWallet"] = RuntimeError("password=hunter2 at 10.0.0.1")
    response = await client.post("/graphql", json={"query": "{ wallet { ownerId } }"})
    (error,) = response.json()["errors"]
    assert error["message"] == "internal error"
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["errorId"]
    assert "hunter2" not in response.text


async def test_answers_that_break_the_schema_are_masked(client: httpx.AsyncClient, calls: StubCalls) -> None:
    calls.answers["GetPost"] = post_service_pb2.GetPostResponse(post=post_pb2.Post(body="no id, no author"))
    response = await client.post("/graphql", json={"query": ONE_POST})
    assert response.json()["data"] == {"post": None}
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "Cannot return null" not in response.text


async def test_kinds_newer_than_the_gateway_are_null(client: httpx.AsyncClient, calls: StubCalls) -> None:
    post = post_pb2.Post(post_id=1)
    post.kind = 99  # type: ignore[assignment]
    calls.answers["GetPost"] = post_service_pb2.GetPostResponse(post=post)
    response = await client.post("/graphql", json={"query": ONE_POST.replace("{ id }", "{ kind }")})
    assert response.json() == {"data": {"post": {"kind": None}}}


async def test_calls_see_token_and_deadline(client: httpx.AsyncClient, calls: StubCalls) -> None:
    seen: list[tuple[str, float | None]] = []

    def look(_request: Any) -> Any:
        seen.append((context.current().bearer, context.current().remaining_s()))
        return payments_service_pb2.GetWalletResponse()

    calls.answers["GetWallet"] = look
    headers = {"authorization": "bEaReR a.b-c_d"}
    answer = await client.post("/graphql", json={"query": "{ wallet { ownerId } }"}, headers=headers)
    assert answer.json() == {"data": {"wallet": None}}
    ((bearer, remaining_s),) = seen
    assert bearer == "a.b-c_d"
    assert remaining_s is not None
    assert remaining_s <= TIMEOUT_S
    assert context.current().bearer == ""
