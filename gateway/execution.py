"""Runs one GraphQL request: document, operation, variables, cost, execution; and shows its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Final, TypeGuard

import structlog
from graphql import Executor, GraphQLError, GraphQLSchema, OperationType

from gateway import cost
from gateway.cost import CostModel
from gateway.documents import Documents
from gateway.errors import BAD_USER_INPUT, TIMEOUT, GatewayError, masked
from gateway.scope import Calls, RequestScope

_COERCION_ERRORS_MAX: Final = 10
_ERRORS_SHOWN_MAX: Final = 100
_AWAITABLE: Final = (CoroutineType, asyncio.Future)
# How graphql-core begins what it says about an argument that a variable filled wrongly.
_ARGUMENT_ERROR: Final = "Argument '"
# The backends' own deadlines end a request; this only catches what would not heed them.
_OVERTIME_S: Final = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of a request, of the right types."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A response. `executed` is False for request errors: there is no data entry then."""

    body: dict[str, Any]
    executed: bool
    codes: tuple[str, ...] = ()


class MutationOverGet(Exception):  # noqa: N818 - it says what it is
    """A mutation came in a request that must not change anything."""


class Engine:
    """Executes requests against one bound schema."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, calls: Calls, *, timeout_s: float) -> None:
        self._schema = schema
        self._documents = documents
        self._calls = calls
        self._timeout_s = timeout_s
        self._cost = CostModel(schema)

    async def run(self, request: GraphQLRequest, *, read_only: bool) -> Outcome:
        """The response; MutationOverGet when `read_only` and the operation is no query."""
        prepared = self._documents.prepare(request.query)
        if isinstance(prepared, list):
            return _refused(prepared)
        operation = prepared.operation(request.operation_name)
        if operation is not None and read_only and operation.operation is not OperationType.QUERY:
            raise MutationOverGet
        scope = RequestScope(self._calls)
        executor = Executor.build(
            self._schema,
            prepared.document,
            context_value=scope,
            raw_variable_values=dict(request.variables or {}),
            operation_name=request.operation_name,
            max_coercion_errors=_COERCION_ERRORS_MAX,
            is_awaitable=_is_awaitable,
            hide_suggestions=True,
        )
        if isinstance(executor, list):
            return _refused([_coded(error) for error in executor])
        price = cost.total(prepared.prices(executor.operation, self._cost), executor.variable_values.coerced)
        if price > cost.COST_MAX:
            message = f"The operation is too costly: {price} of at most {cost.COST_MAX}. Ask for shorter pages."
            return _refused([GraphQLError(message, extensions={"code": "QUERY_TOO_COSTLY"})])
        return await self._execute(executor, scope)

    async def _execute(self, executor: Executor[Any], scope: RequestScope) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout_s + _OVERTIME_S):
                result: Any = executor.execute_operation()
                if executor.is_awaitable(result):
                    result = await result
        except TimeoutError:
            error = GraphQLError("the answer took too long", extensions={"code": TIMEOUT})
            return Outcome({"data": None, "errors": [error.formatted]}, executed=True, codes=(TIMEOUT,))
        finally:
            scope.close()
        body: dict[str, Any] = {"data": result.data}
        if not result.errors:
            return Outcome(body, executed=True)
        shown = [_shown(error) for error in result.errors[:_ERRORS_SHOWN_MAX]]
        codes = tuple(error["extensions"]["code"] for error in shown)
        return Outcome({"errors": shown, **body}, executed=True, codes=codes)


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


def _refused(errors: list[GraphQLError]) -> Outcome:
    shown: list[dict[str, Any]] = [dict(error.formatted) for error in errors]
    return Outcome({"errors": shown}, executed=False, codes=tuple(error["extensions"]["code"] for error in shown))
