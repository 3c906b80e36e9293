"""Makes an operation into a plan, once: which RPCs it calls, with what, and how their answers become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
import structlog
from graphql import (
    DocumentNode,
    Executor,
    GraphQLError,
    GraphQLSchema,
    OperationType,
)
from graphql.execution.values import VariableValues

from gateway.binding import contract
from gateway.binding.annotations import Annotations
from gateway.binding.contract import Method
from gateway.binding.requests import Paging, RpcRequests
from gateway.errors import GatewayError
from gateway.native_plan import ResponsePlan
from gateway.plans.arguments import Arguments
from gateway.plans.collection import Collector
from gateway.plans.selections import Selections, Unplannable
from gateway.scope import serialized
from gateway.variables import NO_VARIABLES

_TYPENAME: Final = "__typename"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A call that is ready to be made, and the part of its answer that is wanted."""

    method: Method
    message: bytes
    paging: Paging | None


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A root field with @rpc. `before` and `behind` are the JSON around its value; `ready` is set without variables."""

    before: bytes
    behind: bytes
    requests: RpcRequests
    arguments: Arguments
    ready: Request | None
    response: ResponsePlan

    def request(self, variables: VariableValues) -> Request:
        """The request with these variables; GatewayError or GraphQLError for arguments that it cannot be made of."""
        return self.ready or _request(self.requests, self.arguments, variables)


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """An operation whose answer needs no resolver. Without calls it is the `constant` answer."""

    calls: tuple[PlannedCall, ...]
    constant: bytes
    serial: bool


class Compiler:
    """Makes the plans of one bound schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._annotations: Annotations = schema.extensions["annotations"]
        # By `Type.field`: what the arguments of a field come to does not depend on the operation.
        self._requests: dict[str, RpcRequests] = {}

    def plan(self, document: DocumentNode, name: str | None, variables: Mapping[str, Any]) -> OperationPlan | None:
        """The plan of an operation, its fields chosen as these variables have it; None when it needs resolvers.

        The document is valid, and the variables, as the request has them, are too.
        """
        executor = Executor.build(
            self._schema, document, raw_variable_values=dict(variables), operation_name=name, hide_suggestions=True
        )
        if isinstance(executor, list):
            return None
        try:
            return self._plan(executor)
        except Unplannable as reason:
            _log.debug("not_planned", operation=name, reason=str(reason))
            return None

    def _plan(self, executor: Executor[Any]) -> OperationPlan:
        operation = executor.operation
        target = self._schema.get_root_type(operation.operation)
        if target is None:
            raise Unplannable(f"there is no type for a {operation.operation.value}")
        collector = Collector(executor)
        selections = Selections(self._annotations, collector)
        calls: list[PlannedCall] = []
        # What stands before the next call's value, or at the end.
        pending, mark = b'{"data":', b"{"
        for key, name, details in collector.roots(target):
            pending, mark = pending + mark + orjson.dumps(key) + b":", b","
            if name == _TYPENAME:
                pending += orjson.dumps(target.name)
                continue
            field = target.fields.get(name)
            rpc = field and self._annotations.one(field, "rpc")
            if field is None or rpc is None:
                raise Unplannable(f"{target.name}.{name} is not answered by one call")
            method = contract.method(rpc["method"])
            response = _response_plan(selections.answer(field, method, details))
            requests = self._requests.get(f"{target.name}.{name}")
            if requests is None:
                requests = RpcRequests(field, method, self._annotations)
                self._requests[f"{target.name}.{name}"] = requests
            calls.append(_call(pending, requests, Arguments(field, details[0].node), response))
            pending = b""
        pending += b"}}" if mark == b"," else b"{}}"
        if calls:
            calls[-1] = replace(calls[-1], behind=pending)
        return OperationPlan(tuple(calls), pending, serial=operation.operation is OperationType.MUTATION)


def _call(before: bytes, requests: RpcRequests, arguments: Arguments, response: ResponsePlan) -> PlannedCall:
    ready = None
    if arguments.are_fixed:
        try:
            ready = _request(requests, arguments, NO_VARIABLES)
        except (GatewayError, GraphQLError) as error:
            raise Unplannable("the arguments are refused") from error
    return PlannedCall(before, b"", requests, arguments, ready, response)


def _response_plan(spec: Any) -> ResponsePlan:
    try:
        return ResponsePlan(spec)
    except ValueError as error:
        raise Unplannable(str(error)) from error


def _request(requests: RpcRequests, arguments: Arguments, variables: VariableValues) -> Request:
    values, paging = arguments.values(variables), None
    if requests.is_page:
        message, paging = requests.build_page(values)
    else:
        message = requests.build(values)
    return Request(requests.method, serialized(message), paging)
