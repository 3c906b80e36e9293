"""Runs a plan: its calls, and the JSON of their answers. What it cannot answer it leaves to be told by graphql-core."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from graphql import GraphQLError
from graphql.execution.values import VariableValues

from gateway.binding.contract import Method
from gateway.errors import GatewayError
from gateway.native_plan import NoPlainAnswerError
from gateway.plans.compiler import OperationPlan, Request
from gateway.scope import Calls

# What a call brought: the response, or why there is none.
Outcome = bytes | Exception


class AnsweredCalls:
    """Calls of which some were made already: those answer once more what they answered, the others are made.

    So graphql-core can tell a request from its beginning, and nothing is asked, or done, a second time.
    """

    def __init__(self, calls: Calls, requests: Sequence[Request] = (), outcomes: Sequence[Outcome] = ()) -> None:
        self._calls = calls
        self._known: dict[tuple[str, bytes], deque[Outcome]] = {}
        for request, outcome in zip(requests, outcomes, strict=True):
            self._known.setdefault((request.method.name, request.message), deque()).append(outcome)

    async def call(self, method: Method, request: bytes) -> bytes:
        """As the calls behind it."""
        known = self._known.get((method.name, request))
        if not known:
            return await self._calls.call(method, request)
        outcome = known.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def run(plan: OperationPlan, variables: VariableValues, calls: Calls) -> bytes | AnsweredCalls:
    """The response as JSON; or the calls that were made, when there is an error to tell or no plain answer."""
    try:
        requests = [call.request(variables) for call in plan.calls]
    except (GatewayError, GraphQLError):
        return AnsweredCalls(calls)
    if plan.serial or len(requests) == 1:
        outcomes = [await _outcome(request, calls) for request in requests]
    else:
        outcomes = await asyncio.gather(*(_outcome(request, calls) for request in requests))
    try:
        return _response(plan, requests, outcomes)
    except NoPlainAnswerError:
        return AnsweredCalls(calls, requests, outcomes)


async def _outcome(request: Request, calls: Calls) -> Outcome:
    try:
        return await calls.call(request.method, request.message)
    except Exception as error:  # noqa: BLE001 - graphql-core tells it, and logs what it masks
        return error


def _response(plan: OperationPlan, requests: Sequence[Request], outcomes: Sequence[Outcome]) -> bytes:
    parts: list[bytes] = []
    for call, request, outcome in zip(plan.calls, requests, outcomes, strict=True):
        if not isinstance(outcome, bytes):
            raise NoPlainAnswerError("a call has failed")
        parts.append(call.response.render(outcome, request.paging, call.before, call.behind))
    if len(parts) == 1:
        return parts[0]
    return b"".join(parts) or plan.constant
