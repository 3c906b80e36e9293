"""Resolvers of fields with @rpc: arguments to request, answer to value, page or refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
)

from gateway.binding import contract, paths
from gateway.binding.annotations import Annotations
from gateway.binding.answers import Answer, Excerpt, Refusal, make_page
from gateway.binding.contract import BindingError, Method
from gateway.binding.requests import RpcRequests, page_items
from gateway.binding.resolvers import Resolver, value_reader
from gateway.errors import GatewayError
from gateway.scope import Info

Finish = Callable[[Message, Any], Any]


def rpc_resolver(parent: GraphQLObjectType, field: GraphQLField, annotations: Annotations) -> Resolver:
    """The resolver of a field with @rpc on `parent`; BindingError when the annotations do not fit the contract."""
    rpc = annotations.one(field, "rpc")
    if rpc is None:
        raise BindingError("the field needs @rpc")
    if isinstance(field.type, GraphQLNonNull):
        raise BindingError("an RPC may fail: the field must be nullable")
    method = contract.method(rpc["method"])
    if method.streams:
        raise BindingError("an RPC that streams belongs to Subscription")
    fill = _parent_filler(parent, method, rpc["parent"], annotations)
    requests = RpcRequests(field, method, annotations)
    null_when_not_found = bool(rpc["nullWhenNotFound"])
    if requests.is_page:
        return _page_resolver(field, requests, fill, annotations, null_when_not_found=null_when_not_found)
    finish = finisher(field, method, annotations)
    refusals = _refusals(get_named_type(field.type), method, annotations)

    async def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        request = requests.build(arguments)
        fill(source, request)
        try:
            response = await info.context.call(method, request)
        except GatewayError as error:
            if null_when_not_found and error.is_not_found:
                return None
            refusal = refusals.from_error(error)
            if refusal is not None:
                return refusal
            raise requests.rename(error) from error.__cause__
        return refusals.from_answer(response) or finish(request, response)

    return resolve


def _parent_filler(
    parent: GraphQLObjectType, method: Method, pairs: list[dict[str, str]], annotations: Annotations
) -> Callable[[Any, Message], None]:
    fills: list[tuple[paths.Steps, paths.Getter]] = []
    for pair in pairs:
        steps = paths.resolve(method.request, pair["field"])
        for found in annotations.all(parent, "message"):
            source = paths.resolve(contract.message(found["name"]), pair["from"])
            if source[-1].cpp_type != steps[-1].cpp_type:
                raise BindingError(f"{source[-1].full_name} does not fit {steps[-1].full_name}")
            fills.append((steps, paths.getter(source)))
    if pairs and not fills:
        raise BindingError(f"{parent.name} needs @message")

    def fill(source: Any, request: Message) -> None:
        message = source.message if isinstance(source, Excerpt) else source
        for steps, read in fills:
            paths.set_at(request, steps, read(message))

    return fill


def finisher(field: GraphQLField, method: Method, annotations: Annotations) -> Finish:
    """What makes the field's value of a request and its answer; BindingError when the annotations do not fit."""
    path = annotations.text(field, "proto", "field")
    if path is not None:
        read, convert = value_reader(field, [method.response], path, annotations)
        if convert is not None:
            raise BindingError("an RPC answers with an object")
        return lambda _request, response: read(response)
    target = get_named_type(field.type)
    members = target.types if isinstance(target, GraphQLUnionType) else (target,)
    shown = {found["name"] for member in members for found in annotations.all(member, "message")}
    if shown != {method.response.full_name}:
        raise BindingError(f"{target.name} does not show {method.response.full_name}")
    return Answer


def _page_resolver(
    field: GraphQLField,
    requests: RpcRequests,
    fill: Callable[[Any, Message], None],
    annotations: Annotations,
    *,
    null_when_not_found: bool,
) -> Resolver:
    method, target = requests.method, get_named_type(field.type)
    if not isinstance(target, GraphQLObjectType):
        raise BindingError("a page is an object")
    items, steps = page_items(target, method, annotations)
    key = paths.getter(steps)

    async def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        request, paging = requests.build_page(arguments)
        fill(source, request)
        try:
            response = await info.context.call(method, request)
        except GatewayError as error:
            if null_when_not_found and error.is_not_found:
                return None
            raise requests.rename(error) from error.__cause__
        return make_page(response, getattr(response, items.name), key, paging, response.next_page_token)

    return resolve


@dataclass(frozen=True, slots=True)
class _Refusals:
    """The expected failures of one field: by the error's reason, and by the state of a normal answer."""

    by_reason: Mapping[str, str]
    by_state: tuple[tuple[paths.Getter, int, str, str], ...]

    def from_error(self, error: GatewayError) -> Refusal | None:
        typename = self.by_reason.get(error.reason)
        return None if typename is None else Refusal(typename, error.message, dict(error.metadata))

    def from_answer(self, response: Message) -> Refusal | None:
        for read, number, typename, message in self.by_state:
            if read(response) == number:
                return Refusal(typename, message, {})
        return None


def _refusals(target: object, method: Method, annotations: Annotations) -> _Refusals:
    by_reason: dict[str, str] = {}
    by_state: list[tuple[paths.Getter, int, str, str]] = []
    for member in target.types if isinstance(target, GraphQLUnionType) else ():
        found = annotations.one(member, "refusal")
        if found is None:
            continue
        by_reason[found["reason"]] = member.name
        if found.get("field") is not None:
            steps = paths.resolve(method.response, found["field"])
            enum = steps[-1].enum_type
            if enum is None or found["value"] not in enum.values_by_name:
                raise BindingError(f"{steps[-1].full_name} has no value {found['value']}")
            number = enum.values_by_name[found["value"]].number
            by_state.append((paths.getter(steps), number, member.name, (member.description or "").strip()))
    return _Refusals(by_reason, tuple(by_state))
