"""Which operations have plans, what happens when one has no answer, and how long plans are kept."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from graphql import GraphQLSchema

from daira.analytics.v1 import analytics_service_pb2
from daira.social.v1 import feed_service_pb2, post_pb2, post_service_pb2, profile_pb2
from gateway.documents import Documents, PreparedDocument
from gateway.execution import Engine, GraphQLRequest
from gateway.opaque_ids import IdType, encode
from services.chassis.errors import AppError, ErrorKind
from tests.unit.gateway.conftest import StubCalls
from tests.unit.gateway.plans.random_operations import POST, USER

AUTHOR = profile_pb2.Profile(user_id=77, handle="mona", created_at=Timestamp(seconds=1))
LIKE = f'likePost(input: {{postId: "{POST}", idempotencyKey: "k"}}) {{ post {{ id }} }}'


class Runs:
    """An engine, what it told, and how it answered."""

    def __init__(self, schema: GraphQLSchema, calls: StubCalls) -> None:
        self.calls = calls
        self.documents = Documents(schema, introspection=False)
        self.how: list[str] = []
        self.engine = Engine(schema, self.documents, calls)
        self.engine.on_answer = self.how.append

    async def __call__(self, text: str, variables: dict[str, Any] | None = None) -> Any:
        outcome = await self.engine.run(GraphQLRequest(text, None, variables), read_only=False)
        return orjson.loads(outcome.body)


@pytest.fixture
def run(schema: GraphQLSchema, calls: StubCalls) -> Runs:
    post = post_pb2.Post(post_id=9, body="صباح الخير", author=AUTHOR)
    item = feed_service_pb2.FeedItem(post=post, source=feed_service_pb2.FEED_SOURCE_OWN)
    calls.answers["GetHomeFeed"] = feed_service_pb2.GetHomeFeedResponse(items=[item, item], next_page_token="t")
    calls.answers["GetPost"] = post_service_pb2.GetPostResponse(post=post)
    calls.answers["GetAuthorStats"] = analytics_service_pb2.GetAuthorStatsResponse(
        total=analytics_service_pb2.AuthorFigures(tips_piastres=8900)
    )
    calls.answers["LikePost"] = post_service_pb2.LikePostResponse(post=post)
    return Runs(schema, calls)


@pytest.mark.parametrize(
    "text",
    [
        "{ homeFeed { edges { cursor node { post { id body author { id handle displayName createdAt } } } } } }",
        "{ homeFeed { edges { node { whyShown { source score affinity { value weight contribution } } } } } }",
        "{ homeFeed(mode: LATEST) { pageInfo { hasNextPage endCursor } degraded degradedStages rankedAt } }",
        "query($f: Int!) { homeFeed(first: $f) { edges { ...E } } } fragment E on FeedEdge { node { seenBefore } }",
        "{ homeFeed { edges { node { post { ... on Node { id __typename } } } } } __typename }",
        f'{{ a: post(id: "{POST}") {{ id }} b: profile(id: "{USER}") {{ bio followersCount }} wallet {{ ownerId }} }}',
        f"mutation {{ {LIKE} again: {LIKE} }}",
        "{ authorStats { total { tipsReceived { egp } } days { day } countedUntil } }",
        "{ __typename }",
    ],
)
async def test_planned(run: Runs, text: str) -> None:
    await run(text, {"f": 2})
    assert run.how == ["plan"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{ homeFeed { edges { node { post { author { bio } } } } } }", "not in the excerpt"),
        ("{ walletEntries { edges { node { counterparty { handle } } } } }", "joined by id"),
        (f'{{ profile(id: "{USER}") {{ posts {{ degraded }} }} }}', "a nested call"),
        (f'{{ node(id: "{USER}") {{ id }} }}', "one of several types"),
        (f'mutation {{ reportPost(input: {{postId: "{POST}", idempotencyKey: "k"}}) {{ postId }} }}', "the request"),
        ('{ __type(name: "Post") { name } wallet { ownerId } }', "introspection"),
        ("{ homeFeed(first: 0) { degraded } }", "a refused argument"),
    ],
)
async def test_left_to_resolvers(schema: GraphQLSchema, calls: StubCalls, text: str, why: str) -> None:
    run = Runs(schema, calls)
    run.documents = Documents(schema, introspection=True)
    run.engine = Engine(schema, run.documents, calls)
    run.engine.on_answer = run.how.append
    await run(text)
    assert run.how == ["resolvers"], why


async def test_conditions_choose_the_plan(run: Runs) -> None:
    text = """query($a: Boolean!, $b: Boolean! = false) { homeFeed(first: 1) { edges { node {
      post { body @include(if: $a) id author @skip(if: $b) { handle } }
      seenBefore @include(if: true) @skip(if: $a) } } } }"""

    async def shown(**variables: bool) -> Any:
        (edge,) = (await run(text, variables))["data"]["homeFeed"]["edges"]
        return edge["node"]

    author, number = {"handle": "mona"}, encode(IdType.POST, 9)
    for _ in range(2):
        assert await shown(a=True) == {"post": {"body": "صباح الخير", "id": number, "author": author}}
        assert await shown(a=False) == {"post": {"id": number, "author": author}, "seenBefore": False}
        assert await shown(a=False, b=True) == {"post": {"id": number}, "seenBefore": False}
    assert set(run.how) == {"plan"}


async def test_conditions_can_hide_what_needs_resolvers(run: Runs) -> None:
    text = """query($all: Boolean!) {
      homeFeed { edges { node { post { author { id bio @include(if: $all) } } } } } }"""
    await run(text, {"all": False})
    await run(text, {"all": True})
    assert run.how == ["plan", "resolvers"]


async def test_a_plan_without_an_answer_repeats_no_call(run: Runs) -> None:
    """The answer lacks what must not be null: resolvers tell it, and nothing is done twice."""
    run.calls.answers["LikePost"] = post_service_pb2.LikePostResponse()
    answer = await run(f"mutation {{ {LIKE} again: {LIKE} }}")
    assert [name for name, _ in run.calls.requests] == ["LikePost", "LikePost"]
    assert answer["data"] == {"likePost": None, "again": None}
    assert [error["path"] for error in answer["errors"]] == [["likePost", "post"], ["again", "post"]]
    assert run.how == ["resolvers_after_plan"]


async def test_one_failing_call_of_several(run: Runs) -> None:
    run.calls.answers["GetPost"] = AppError(ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE", "away")
    answer = await run(f'{{ homeFeed {{ degraded }} post(id: "{POST}") {{ id }} }}')
    assert answer["data"] == {"homeFeed": {"degraded": False}, "post": None}
    ((error),) = answer["errors"]
    assert (error["path"], error["extensions"]) == (["post"], {"code": "SERVICE_UNAVAILABLE"})
    assert error["locations"] == [{"line": 1, "column": 25}]
    assert sorted(name for name, _ in run.calls.requests) == ["GetHomeFeed", "GetPost"]


async def test_bytes_that_are_no_message_are_masked(run: Runs) -> None:
    run.calls.answers["GetPost"] = b"\x0a\xff"
    answer = await run(f'{{ post(id: "{POST}") {{ id }} }}')
    assert answer["data"] == {"post": None}
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_variables_are_checked_and_costs_counted(run: Runs) -> None:
    text = "query($f: Int!) { homeFeed(first: $f) { edges { node { post { id author { id } } } } } }"
    assert (await run(text, {"f": "many"}))["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    many = " ".join(f"a{n}: {text.split('{', 1)[1].rsplit('}', 1)[0]}" for n in range(12))
    costly = await run(f"query($f: Int!) {{ {many} }}", {"f": 100})
    assert costly["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"
    assert run.calls.requests == []


async def test_plans_are_kept_in_bounds(run: Runs) -> None:
    names = ["a", "b", "c", "d"]
    head = ", ".join(f"${name}: Boolean!" for name in names)
    body = " ".join(f"{name}: degraded @include(if: ${name})" for name in names)
    text = f"query({head}) {{ homeFeed {{ degraded {body} }} }}"
    for number in range(16):
        variables = {name: bool(number >> at & 1) for at, name in enumerate(names)}
        answer = await run(text, variables)
        assert set(answer["data"]["homeFeed"]) == {"degraded", *(name for name in names if variables[name])}
    prepared = run.documents.prepare(text)
    assert isinstance(prepared, PreparedDocument)
    operation = prepared.operation(None)
    assert operation is not None
    assert len(operation.plans) == 8


@pytest.mark.parametrize("planned", [True, False])
async def test_the_longest_page_token_goes_round(schema: GraphQLSchema, calls: StubCalls, *, planned: bool) -> None:
    """A token holds what a scroll has shown: it grows to 8 KiB, and a cursor in the middle of a page carries it."""
    run = Runs(schema, calls)
    run.engine = Engine(schema, run.documents, calls, planned=planned)
    token = "Aa_-" * 2048
    items = [feed_service_pb2.FeedItem(post=post_pb2.Post(post_id=number)) for number in (9, 8, 7)]
    calls.answers["GetHomeFeed"] = feed_service_pb2.GetHomeFeedResponse(items=items, next_page_token=token)
    text = "query($a: String) { homeFeed(first: 2, after: $a) { edges { cursor } pageInfo { endCursor } } }"
    whole = "query { homeFeed(first: 3) { pageInfo { endCursor } } }"
    end = (await run(whole))["data"]["homeFeed"]["pageInfo"]["endCursor"]
    second = (await run(text, {"a": end}))["data"]["homeFeed"]
    assert calls.requests[-1][1].page_token == token
    middle = second["edges"][0]["cursor"]
    assert second["pageInfo"]["endCursor"] == second["edges"][1]["cursor"] != middle
    await run(text, {"a": middle})
    assert (calls.requests[-1][1].page_token, calls.requests[-1][1].page_size) == (token, 3)
