"""Runs one GraphQL request: document, operation, variables, cost, plan or resolvers; and shows its errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Final, Literal, TypeGuard, cast, get_args

import orjson
import structlog
from graphql import DocumentNode, ExecutionResult, Executor, GraphQLError, GraphQLSchema, OperationType, subscribe
from graphql.execution.values import VariableValues

from gateway import cost
from gateway.cost import CostModel
from gateway.documents import Documents, PreparedOperation
from gateway.errors import BAD_USER_INPUT, TIMEOUT, GatewayError, masked
from gateway.plans import execution as plans
from gateway.plans.compiler import Compiler, OperationPlan
from gateway.scope import Calls, RequestScope, Streams

_COERCION_ERRORS_MAX: Final = 10
_ERRORS_SHOWN_MAX: Final = 100
_AWAITABLE: Final = (CoroutineType, asyncio.Future)
# How graphql-core begins what it says about an argument that a variable filled wrongly.
_ARGUMENT_ERROR: Final = "Argument '"
# By its plan, by resolvers, or by resolvers because the plan had no answer for what the calls brought.
Answered = Literal["plan", "resolvers", "resolvers_after_plan"]
ANSWERS: Final[tuple[Answered, ...]] = get_args(Answered)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of a request, of the right types."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A response, as JSON. `executed` is False for request errors: there is no data entry then."""

    body: bytes
    executed: bool
    codes: tuple[str, ...] = ()


class MutationOverGet(Exception):  # noqa: N818 - it says what it is
    """A mutation came in a request that must not change anything."""


class Engine:
    """Executes requests against one bound schema: by plan where there is one, else by resolvers."""

    def __init__(
        self,
        schema: GraphQLSchema,
        documents: Documents,
        calls: Calls,
        streams: Streams | None = None,
        *,
        planned: bool = True,
    ) -> None:
        """Without `planned`, resolvers do everything: what plans do is measured against them."""
        self._schema = schema
        self._documents = documents
        self._calls = calls
        self._streams = streams
        self._cost = CostModel(schema)
        self._compiler = Compiler(schema) if planned else None
        # Called with how an operation was answered; a metric hangs here.
        self.on_answer: Callable[[Answered], None] = lambda _how: None

    async def run(self, request: GraphQLRequest, *, read_only: bool) -> Outcome:
        """The response; MutationOverGet when `read_only` and the operation is no query."""
        prepared = self._documents.prepare(request.query)
        if isinstance(prepared, list):
            return _refused(prepared)
        operation = prepared.operation(request.operation_name)
        if operation is not None and _subscribes(operation):
            return _NEEDS_EVENTS
        if operation is not None and read_only and operation.node.operation is not OperationType.QUERY:
            raise MutationOverGet
        calls = self._calls
        how: Answered = "resolvers"
        # Wrong variables are for graphql-core to tell.
        variables = None if operation is None else operation.variables.read(request.variables)
        if operation is not None and variables is not None:
            price = operation.prices(prepared.document, self._cost).total(variables.coerced)
            if price > cost.COST_MAX:
                return _too_costly(price)
            plan = self._plan(prepared.document, operation, request, variables)
            if plan is not None:
                answer = await plans.run(plan, variables, calls)
                if isinstance(answer, bytes):
                    self.on_answer("plan")
                    return Outcome(answer, executed=True)
                calls, how = answer, "resolvers_after_plan"
        self.on_answer(how)
        return await self._by_resolvers(prepared.document, request, calls)

    async def events(self, request: GraphQLRequest, *, read_only: bool) -> AsyncGenerator[Outcome]:
        """The responses of a subscription as they come, or the one response of any other operation; as `run`."""
        prepared = self._documents.prepare(request.query)
        operation = None if isinstance(prepared, list) else prepared.operation(request.operation_name)
        if isinstance(prepared, list) or operation is None or not _subscribes(operation):
            try:
                yield await self.run(request, read_only=read_only)
            except MutationOverGet:
                yield _failed(GatewayError(BAD_USER_INPUT, "GET is for queries; send mutations by POST"))
            return
        variables = operation.variables.read(request.variables)
        if variables is not None:
            price = operation.prices(prepared.document, self._cost).total(variables.coerced)
            if price > cost.COST_MAX:
                yield _too_costly(price)
                return
        scope = RequestScope(self._calls, self._streams)
        try:
            async with contextlib.aclosing(self._subscribed(prepared.document, request, scope)) as outcomes:
                async for outcome in outcomes:
                    yield outcome
        except GatewayError as error:
            # Nothing lives for ever: a stream that has had its time ends without an error, and clients ask again.
            if error.code != TIMEOUT:
                yield _failed(error)
        finally:
            scope.close()

    async def _subscribed(
        self, document: DocumentNode, request: GraphQLRequest, scope: RequestScope
    ) -> AsyncGenerator[Outcome]:
        results = subscribe(
            self._schema,
            document,
            context_value=scope,
            variable_values=dict(request.variables or {}),
            operation_name=request.operation_name,
            max_coercion_errors=_COERCION_ERRORS_MAX,
            hide_suggestions=True,
        )
        if not isinstance(results, ExecutionResult | AsyncIterator):
            results = await results
        if isinstance(results, ExecutionResult):
            yield _refused([_coded(error) for error in results.errors or ()])
            return
        async with contextlib.aclosing(cast("AsyncGenerator[ExecutionResult]", results)) as open_results:
            async for result in open_results:
                yield _answered(result)

    def _plan(
        self, document: DocumentNode, operation: PreparedOperation, request: GraphQLRequest, variables: VariableValues
    ) -> OperationPlan | None:
        compiler = self._compiler
        if compiler is None:
            return None
        return operation.plans.plan(
            variables.coerced, lambda: compiler.plan(document, request.operation_name, request.variables or {})
        )

    async def _by_resolvers(self, document: DocumentNode, request: GraphQLRequest, calls: Calls) -> Outcome:
        scope = RequestScope(calls)
        executor = Executor.build(
            self._schema,
            document,
            context_value=scope,
            raw_variable_values=dict(request.variables or {}),
            operation_name=request.operation_name,
            max_coercion_errors=_COERCION_ERRORS_MAX,
            is_awaitable=_is_awaitable,
            hide_suggestions=True,
        )
        if isinstance(executor, list):
            return _refused([_coded(error) for error in executor])
        try:
            result: Any = executor.execute_operation()
            if executor.is_awaitable(result):
                result = await result
        finally:
            scope.close()
        return _answered(result)


def _subscribes(operation: PreparedOperation) -> bool:
    return operation.node.operation is OperationType.SUBSCRIPTION


def _answered(result: ExecutionResult) -> Outcome:
    body: dict[str, Any] = {"data": result.data}
    if not result.errors:
        return Outcome(_json(body), executed=True)
    shown = [_shown(error) for error in result.errors[:_ERRORS_SHOWN_MAX]]
    codes = tuple(error["extensions"]["code"] for error in shown)
    return Outcome(_json({"errors": shown, **body}), executed=True, codes=codes)


def _failed(error: GatewayError) -> Outcome:
    """The end of a stream of events."""
    shown = {"message": error.message, "extensions": error.extensions()}
    return Outcome(_json({"data": None, "errors": [shown]}), executed=True, codes=(error.code,))


def _json(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body)


# The answer of a request that was stopped.
LATE: Final = Outcome(
    _json({"data": None, "errors": [{"message": "the answer took too long", "extensions": {"code": TIMEOUT}}]}),
    executed=True,
    codes=(TIMEOUT,),
)


def _is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    """Cheaper than graphql-core's own test, and enough: resolvers give coroutines and futures, nothing else."""
    return isinstance(value, _AWAITABLE)


def _shown(error: GraphQLError) -> dict[str, Any]:
    """A field error as the client sees it; what is no GatewayError is masked, and logged under its errorId."""
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    if isinstance(original, GatewayError):
        shown = original
    elif original is None and error.message.startswith(_ARGUMENT_ERROR):
        shown = GatewayError(BAD_USER_INPUT, error.message)
    else:
        shown = masked()
        _log.error("field_failed", path=error.path, error_id=shown.error_id, exc_info=original or error)
    formatted: dict[str, Any] = {"message": shown.message}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path:
        formatted["path"] = error.path
    formatted["extensions"] = shown.extensions()
    return formatted


def _coded(error: GraphQLError) -> GraphQLError:
    error.extensions = {"code": BAD_USER_INPUT, **(error.extensions or {})}
    return error


def _too_costly(price: int) -> Outcome:
    message = f"The operation is too costly: {price} of at most {cost.COST_MAX}. Ask for shorter pages."
    return _refused([GraphQLError(message, extensions={"code": "QUERY_TOO_COSTLY"})])


def _refused(errors: list[GraphQLError]) -> Outcome:
    shown: list[dict[str, Any]] = [dict(error.formatted) for error in errors]
    return Outcome(
        _json({"errors": shown}), executed=False, codes=tuple(error["extensions"]["code"] for error in shown)
    )


_NEEDS_EVENTS: Final = _refused(
    [
        GraphQLError(
            "Subscriptions are answered as events: accept text/event-stream.",
            extensions={"code": "SUBSCRIPTION_NEEDS_EVENT_STREAM"},
        )
    ]
)
