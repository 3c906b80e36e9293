"""Makes an operation into a plan, once: which RPCs it calls, with what, and how their answers become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from graphql import (
    DocumentNode,
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    OperationType,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values

from gateway.binding import contract
from gateway.binding.annotations import Annotations
from gateway.binding.contract import Method
from gateway.binding.requests import Paging, RpcRequests
from gateway.errors import GatewayError
from gateway.native_plan import ResponsePlan
from gateway.plans.collection import Collector
from gateway.plans.selections import Selections, Unplannable
from gateway.scope import serialized

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
    """A root field with @rpc. `key` is its response key as JSON with the colon; `ready` is set without variables."""

    key: bytes
    requests: RpcRequests
    field: GraphQLField
    node: FieldNode
    ready: Request | None
    response: ResponsePlan

    def request(self, variables: VariableValues) -> Request:
        """The request with these variables; GatewayError or GraphQLError for arguments that it cannot be made of."""
        return self.ready or _request(self.requests, self.field, self.node, variables)


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """An operation whose answers need no resolver. Root fields are calls, or JSON that is always the same."""

    roots: tuple[PlannedCall | bytes, ...]
    calls: tuple[PlannedCall, ...]
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
        roots: list[PlannedCall | bytes] = []
        for key, name, details in collector.roots(target):
            start = orjson.dumps(key) + b":"
            if name == _TYPENAME:
                roots.append(start + orjson.dumps(target.name))
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
            roots.append(_call(start, requests, field, details[0].node, response))
        calls = tuple(root for root in roots if isinstance(root, PlannedCall))
        return OperationPlan(tuple(roots), calls, serial=operation.operation is OperationType.MUTATION)


def _call(
    key: bytes, requests: RpcRequests, field: GraphQLField, node: FieldNode, response: ResponsePlan
) -> PlannedCall:
    ready = None
    if not _uses_variables(node):
        try:
            ready = _request(requests, field, node, VariableValues({}, {}))
        except (GatewayError, GraphQLError) as error:
            raise Unplannable("the arguments are refused") from error
    return PlannedCall(key, requests, field, node, ready, response)


def _response_plan(spec: Any) -> ResponsePlan:
    try:
        return ResponsePlan(spec)
    except ValueError as error:
        raise Unplannable(str(error)) from error


def _request(requests: RpcRequests, field: GraphQLField, node: FieldNode, variables: VariableValues) -> Request:
    arguments: Mapping[str, Any] = get_argument_values(field, node, variables, hide_suggestions=True)
    paging = None
    if requests.is_page:
        message, paging = requests.build_page(arguments)
    else:
        message = requests.build(arguments)
    return Request(requests.method, serialized(message), paging)


def _uses_variables(node: FieldNode) -> bool:
    found = False

    class Variables(Visitor):
        def enter_variable(self, _node: VariableNode, *_: Any) -> None:
            nonlocal found
            found = True

    for argument in node.arguments or ():
        visit(argument, Variables())
    return found
