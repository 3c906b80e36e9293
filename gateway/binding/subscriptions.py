"""Fields of Subscription: arguments to request, and each message of the RPC's stream to an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from graphql import GraphQLField, GraphQLObjectType

from gateway.binding import contract
from gateway.binding.annotations import Annotations
from gateway.binding.calls import finisher
from gateway.binding.contract import BindingError
from gateway.binding.requests import RpcRequests
from gateway.binding.resolvers import Resolver
from gateway.errors import GatewayError
from gateway.scope import Info


def live(_parent: GraphQLObjectType, field: GraphQLField, annotations: Annotations) -> Resolver:
    """Makes the field a source of events; its resolver, for each event is a value. BindingError as rpc_resolver."""
    field.subscribe = _subscriber(field, annotations)
    return lambda event, _info, **_arguments: event


def _subscriber(field: GraphQLField, annotations: Annotations) -> Resolver:
    rpc = annotations.one(field, "rpc")
    if rpc is None:
        raise BindingError("a subscription needs @rpc")
    method = contract.method(rpc["method"])
    if not method.streams:
        raise BindingError("a subscription needs an RPC that streams")
    requests = RpcRequests(field, method, annotations)
    finish = finisher(field, method, annotations)

    async def subscribe(_source: Any, info: Info, **arguments: Any) -> AsyncIterator[Any]:
        request = requests.build(arguments)
        try:
            async for answer in info.context.stream(method, request):
                yield finish(request, answer)
        except GatewayError as error:
            raise requests.rename(error) from error.__cause__

    return subscribe
