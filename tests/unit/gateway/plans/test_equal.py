"""What plans answer is what graphql-core's resolvers answer: data, errors, paths, and the calls that are made."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import Any

import orjson
import structlog
from graphql import GraphQLSchema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.binding.contract import Method
from gateway.documents import Documents
from gateway.execution import Engine, GraphQLRequest, Outcome
from services.chassis.errors import AppError, ErrorKind
from tests.unit.gateway.plans.random_messages import RandomMessage
from tests.unit.gateway.plans.random_operations import RandomOperation

EXAMPLES = 120
ERROR_ID = re.compile(rb'"errorId":"[0-9a-f]+"')


class RandomCalls:
    """Backends whose answers are random, and the same for the same request and seed."""

    def __init__(self, seed: int, *, holes: float, strange: float, failing: float) -> None:
        self._seed = seed
        self._holes, self._strange, self._failing = holes, strange, failing
        self.made: list[tuple[str, bytes]] = []

    async def call(self, method: Method, request: bytes) -> bytes:
        self.made.append((method.name, request))
        random = Random(f"{self._seed} {method.name} {request!r}")
        if random.random() < self._failing:
            kind = random.choice([ErrorKind.NOT_FOUND, ErrorKind.UNAVAILABLE, ErrorKind.INTERNAL])
            raise random.choice([AppError(kind, "POST_NOT_FOUND", "ليس هنا"), RuntimeError("a bug of ours")])
        return RandomMessage(random, holes=self._holes, strange=self._strange).bytes(method.response)


async def answered(
    schema: GraphQLSchema, operation: RandomOperation, calls: RandomCalls, *, planned: bool
) -> tuple[Outcome, list[str]]:
    engine = Engine(schema, Documents(schema, introspection=False), calls, planned=planned)
    how: list[str] = []
    engine.on_answer = how.append
    # The second answer is of the plan that the first one made.
    for _ in range(2):
        calls.made.clear()
        outcome = await engine.run(GraphQLRequest(operation.text, None, operation.variables), read_only=False)
    return outcome, how


def told(outcome: Outcome) -> Any:
    return orjson.loads(ERROR_ID.sub(b'"errorId":"*"', outcome.body))


async def compare(schema: GraphQLSchema, seed: int, *, any_field: bool, **calls: float) -> tuple[Outcome, list[str]]:
    operation = RandomOperation(schema, Random(seed), any_field=any_field)
    expected_calls, found_calls = RandomCalls(seed, **calls), RandomCalls(seed, **calls)
    # What is masked is logged, at length.
    with structlog.testing.capture_logs():
        expected, _ = await answered(schema, operation, expected_calls, planned=False)
        found, how = await answered(schema, operation, found_calls, planned=True)
    assert told(found) == told(expected), operation.text
    assert (found.executed, found.codes) == (expected.executed, expected.codes)
    # Where an error has made a field null, resolvers may still be about calls that nobody waits for.
    if not any_field or b'"errors"' not in found.body:
        assert Counter(found_calls.made) == Counter(expected_calls.made)
    assert b"PARSE_FAILED" not in found.body, operation.text
    assert b"VALIDATION_FAILED" not in found.body, found.body
    return found, how


SEEDS = st.integers(0, 2**64)
RUNS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@RUNS
@given(seed=SEEDS)
async def test_sound_answers(schema: GraphQLSchema, seed: int) -> None:
    """Where nothing is missing and no argument is refused, the plan answers."""
    found, how = await compare(schema, seed, any_field=False, holes=0, strange=0, failing=0)
    assert b'"errors"' in found.body or how == ["plan", "plan"]


@RUNS
@given(seed=SEEDS)
async def test_answers_with_holes(schema: GraphQLSchema, seed: int) -> None:
    await compare(schema, seed, any_field=False, holes=0.1, strange=0.03, failing=0.1)


@RUNS
@given(seed=SEEDS)
async def test_any_operation(schema: GraphQLSchema, seed: int) -> None:
    await compare(schema, seed, any_field=True, holes=0.03, strange=0.01, failing=0.05)
