"""A feed of 50 posts from protobuf to JSON: by plan, by graphql-core's executor over resolvers, by json_format."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable

import orjson
from google.protobuf import json_format

from bench.results import Measurement, measured
from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1.post_pb2 import POST_KIND_TEXT
from gateway.binding import schema as binding
from gateway.binding.contract import Method
from gateway.binding.requests import Paging
from gateway.composed import composed_resolvers
from gateway.documents import Documents, PreparedDocument
from gateway.execution import Engine, GraphQLRequest
from gateway.native_plan import ResponsePlan
from gateway.plans.compiler import Compiler

POSTS = 50
ROUNDS = 5
CALLS = 1000
SLOW_CALLS = 40
BODY = "صباح الخير يا مصر، النهارده الجو جميل في وسط البلد والناس نازلة تتمشى على النيل بعد الشغل. "
QUERY = """query Feed {
  homeFeed(first: 50) {
    edges {
      cursor
      node {
        post {
          id body language kind createdAt likesCount viewerLikes
          author { id handle displayName createdAt }
        }
        whyShown { source score affinity { value weight contribution } }
        seenBefore
      }
    }
    pageInfo { hasNextPage endCursor }
    degraded
    rankedAt
  }
}"""


class Answered:
    """Calls that are answered at once with the same bytes."""

    def __init__(self, response: bytes) -> None:
        self._response = response

    async def call(self, _method: Method, _request: bytes) -> bytes:
        """The bytes."""
        return self._response


def run() -> list[Measurement]:
    """Processor time of each, five rounds in turn. The answers of plan and resolvers must be equal before."""
    response = feed()
    answer = response.SerializeToString()
    schema = binding.bind(binding.sources(), composed_resolvers)
    documents = Documents(schema, introspection=False)
    by_plan = Engine(schema, documents, Answered(answer))
    by_resolvers = Engine(schema, documents, Answered(answer), planned=False)
    request = GraphQLRequest(QUERY)
    shown = [asyncio.run(engine.run(request, read_only=True)).body for engine in (by_plan, by_resolvers)]
    if orjson.loads(shown[0]) != orjson.loads(shown[1]) or b'"errors"' in shown[0]:
        raise RuntimeError("plan and resolvers do not answer the same")
    plan = response_plan(Compiler(schema), documents)
    paging = Paging(POSTS, None)
    rendered, formatted, planned, resolved, made = [], [], [], [], []
    for _ in range(ROUNDS):
        rendered.append(microseconds(lambda: plan.render(answer, paging), CALLS))
        formatted.append(
            microseconds(lambda: json_format.MessageToJson(pb.GetHomeFeedResponse.FromString(answer)), SLOW_CALLS)
        )
        planned.append(asyncio.run(awaited(lambda: by_plan.run(request, read_only=True), CALLS)))
        resolved.append(asyncio.run(awaited(lambda: by_resolvers.run(request, read_only=True), SLOW_CALLS)))
        made.append(microseconds(lambda: response_plan(Compiler(schema), documents), SLOW_CALLS))
    return [
        measured("plan.50.render_us", rendered, statistics.median(formatted)),
        measured("plan.50.run_us", planned, statistics.median(resolved)),
        measured("plan.50.vs_graphql_core_ratio", [slow / fast for slow, fast in zip(resolved, planned, strict=True)]),
        measured("plan.50.vs_json_format_ratio", [slow / fast for slow, fast in zip(formatted, rendered, strict=True)]),
        measured("plan.50.make_us", made),
    ]


def feed() -> pb.GetHomeFeedResponse:
    """A page as social answers it, Arabic texts of one to four lines."""
    chance = random.Random(7)
    response = pb.GetHomeFeedResponse(next_page_token="t" * 120)
    response.ranked_at.FromMilliseconds(1_795_416_000_125)
    for place in range(POSTS):
        item = response.items.add(source=pb.FEED_SOURCE_INBOX)
        post = item.post
        post.post_id, post.author.user_id = 2**60 + place * 7_777_777, 2**59 + chance.randrange(2**40)
        post.author.handle, post.author.display_name = f"mona_{place}", "منى عبد الرحمن"
        post.author.created_at.FromMilliseconds(1_700_000_000_000 + place)
        post.body, post.language, post.kind = (BODY * 4)[: chance.randrange(40, 340)], "ar", POST_KIND_TEXT
        post.created_at.FromMilliseconds(1_795_400_000_000 - place * 61_001)
        post.likes_count, post.viewer_likes = chance.randrange(5000), bool(place % 3)
        for term in ("affinity", "quality", "freshness", "diversity", "negative", "score"):
            setattr(item.ranking, term, chance.randrange(10**9) / 10**9)
    return response


def response_plan(compiler: Compiler, documents: Documents) -> ResponsePlan:
    """The plan of the feed's answer, made of its parsed and validated document."""
    prepared = documents.prepare(QUERY)
    made = compiler.plan(prepared.document, None, {}) if isinstance(prepared, PreparedDocument) else None
    if made is None:
        raise RuntimeError("the feed has no plan")
    return made.calls[0].response


def microseconds(call: Callable[[], object], count: int) -> float:
    """Processor time of one call, the mean of many."""
    call()
    before = time.process_time_ns()
    for _ in range(count):
        call()
    return (time.process_time_ns() - before) / count / 1000


async def awaited(call: Callable[[], Awaitable[object]], count: int) -> float:
    """The same of what is awaited."""
    await call()
    before = time.process_time_ns()
    for _ in range(count):
        await call()
    return (time.process_time_ns() - before) / count / 1000
