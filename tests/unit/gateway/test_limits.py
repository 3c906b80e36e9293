"""Limits of documents: characters, tokens, depth, aliases, root fields, directives, cost; and the bounded cache."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema, get_introspection_query

from gateway import limits
from gateway.cost import CostModel
from gateway.documents import Documents, PreparedDocument

FEED = (
    "{ homeFeed(first: %s) { edges { node { post { id author { handle } } whyShown { score affinity { value } } } } } }"
)
DEEP = '{ profile(handle: "a") { %s id %s } }'


def nested(levels: int) -> str:
    return DEEP % ("followers(first: 1) { edges { node { " * levels, "} } } " * levels)


async def codes(client: httpx.AsyncClient, query: str, variables: dict[str, Any] | None = None) -> list[str]:
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


@pytest.mark.parametrize(
    "query",
    [
        "{ " + "a: __typename " * 2 + "x" * limits.CHARS_MAX + " }",
        nested(5),
        "{ " + " ".join(f"a{n}: __typename" for n in range(limits.ALIASES_MAX + 1)) + " }",
        "{ me { id " + " ".join(f"a{n}: id" for n in range(limits.ALIASES_MAX + 1)) + " } }",
        "{ " + "__typename " * (limits.ROOT_FIELDS_MAX + 1) + "}",
        "{ ...F } fragment F on Query { " + "__typename " * (limits.ROOT_FIELDS_MAX + 1) + "}",
        "{ __typename " + "@include(if: true) " * (limits.DIRECTIVES_MAX + 1) + "}",
        " ".join(f"query Q{n} {{ __typename }}" for n in range(limits.OPERATIONS_MAX + 1)),
        "{ me { " + "id " * (limits.FIELDS_MAX + 1) + "} }",
    ],
    ids=[
        "chars",
        "depth",
        "aliases",
        "nested aliases",
        "roots",
        "roots in a fragment",
        "directives",
        "operations",
        "fields",
    ],
)
async def test_too_large_documents(client: httpx.AsyncClient, query: str) -> None:
    assert await codes(client, query) == ["DOCUMENT_TOO_LARGE"]


async def test_too_many_tokens(client: httpx.AsyncClient) -> None:
    assert await codes(client, "{ me { " + "id, " * limits.TOKENS_MAX + "} }") == ["GRAPHQL_PARSE_FAILED"]
    assert await codes(client, "#\n" * (limits.TOKENS_MAX + 1) + "{ __typename }") == ["GRAPHQL_PARSE_FAILED"]


async def test_brackets_without_end(client: httpx.AsyncClient) -> None:
    assert await codes(client, "{a" * 900) == ["GRAPHQL_PARSE_FAILED"]
    assert await codes(client, "{ post(id: " + "[" * 900 + "]" * 900 + ") { id } }") == ["GRAPHQL_PARSE_FAILED"]


async def test_fragments_that_multiply(client: httpx.AsyncClient) -> None:
    bombs = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(25))
    query = "{ ...F0 } " + bombs + " fragment F25 on Query { __typename }"
    assert await codes(client, query) == ["DOCUMENT_TOO_LARGE"]


async def test_fragments_in_a_circle(client: httpx.AsyncClient) -> None:
    query = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    assert set(await codes(client, query)) == {"GRAPHQL_VALIDATION_FAILED"}


async def test_variables_nested_without_end(client: httpx.AsyncClient) -> None:
    value: Any = {}
    for _ in range(200):
        value = {"input": value}
    query = "mutation($input: CreatePostInput!) { createPost(input: $input) { post { id } } }"
    assert set(await codes(client, query, {"input": value})) == {"BAD_USER_INPUT"}


async def test_cost_by_the_page_length(client: httpx.AsyncClient) -> None:
    dear = """query($n: Int!) { profile(handle: "a") { followers(first: $n) { edges { node {
      posts(first: $n) { edges { node { id } } } } } } } }"""
    assert await codes(client, dear, {"n": 5}) == []
    assert await codes(client, dear, {"n": 50}) == ["QUERY_TOO_COSTLY"]
    # What is out of range is reckoned as the most, not as nothing.
    assert await codes(client, dear, {"n": -1000}) == []
    assert await codes(client, dear, {"n": 2_000_000_000}) == ["QUERY_TOO_COSTLY"]


async def test_the_longest_feed_is_affordable(client: httpx.AsyncClient) -> None:
    assert await codes(client, FEED % 100) == []


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
async def test_pages_have_one_to_a_hundred(client: httpx.AsyncClient, first: int) -> None:
    assert await codes(client, FEED % first) == ["BAD_USER_INPUT"]


def test_cost_counts_fragments_each_time(schema: GraphQLSchema) -> None:
    documents, model = Documents(schema, introspection=True), CostModel(schema)

    def price(text: str) -> int:
        prepared = documents.prepare(text)
        assert isinstance(prepared, PreparedDocument)
        operation = prepared.operation(None)
        assert operation is not None
        return operation.prices(prepared.document, model).total({})

    assert price("{ __typename }") == 0
    assert price("{ me { id } }") == 10
    assert price("{ a: me { ...M } b: me { ...M } } fragment M on Me { profile { id } }") == 22
    assert price('{ authorTimeline(authorId: "x") { edges { node { id } } } }') == 10 + 20 * 2


def test_cache_is_bounded_and_forgets_the_least_used(schema: GraphQLSchema) -> None:
    documents = Documents(schema, introspection=True, entries=2)
    lookups: list[bool] = []
    documents.on_lookup = lookups.append
    first, second, third = "{ me { id } }", "{ wallet { ownerId } }", "{ __typename }"
    for text in (first, second, first, third, first, second):
        assert isinstance(documents.prepare(text), PreparedDocument)
    assert lookups == [False, False, True, False, True, False]
    assert isinstance(documents.prepare("{ nothing }"), list)
    assert isinstance(documents.prepare("# " + "x" * 9000 + "\n{ __typename }"), PreparedDocument)
    assert len(documents._cache) == 2


async def test_introspection_can_be_closed(make_client: Any) -> None:
    async with make_client(introspection=False) as closed:
        assert "GRAPHQL_VALIDATION_FAILED" in await codes(closed, get_introspection_query())
        assert await codes(closed, "{ __typename }") == []
        answer = (await closed.post("/graphql", json={"query": "{ hameFeed { degraded } }"})).json()
        assert "Did you mean" not in answer["errors"][0]["message"]
    async with make_client() as opened:
        assert await codes(opened, get_introspection_query()) == []


async def test_introspection_cannot_be_made_deep(client: httpx.AsyncClient) -> None:
    query = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert await codes(client, query) == ["GRAPHQL_VALIDATION_FAILED"]
