"""What a field with @rpc asks of its method: its arguments as a request, and the page that they want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from graphql import GraphQLField, GraphQLObjectType, get_named_type

from gateway import cursors
from gateway.binding import paths
from gateway.binding.annotations import Annotations
from gateway.binding.contract import BindingError, Method
from gateway.binding.inputs import RequestBuilder
from gateway.cursors import Cursor
from gateway.errors import GatewayError, bad_input

PAGE_MAX: Final = 100
_PAGING: Final = frozenset({"first", "after"})


@dataclass(frozen=True, slots=True)
class Paging:
    """The part of a list that is wanted: at most `first` items (at least 1), from behind `after` on."""

    first: int
    after: Cursor | None


class RpcRequests:
    """Builds the requests of one field."""

    def __init__(self, field: GraphQLField, method: Method, annotations: Annotations) -> None:
        """BindingError when the arguments do not fit the contract."""
        target = get_named_type(field.type)
        self.method = method
        self.is_page = isinstance(target, GraphQLObjectType) and annotations.one(target, "connection") is not None
        self._all = self._plain = RequestBuilder(method.request, field.args, annotations)
        if self.is_page:
            if (self._all.label_of("page_size"), self._all.label_of("page_token")) != ("first", "after"):
                raise BindingError("a connection is paged by first and after")
            plain = {name: argument for name, argument in field.args.items() if name not in _PAGING}
            self._plain = RequestBuilder(method.request, plain, annotations)

    def build(self, arguments: Mapping[str, Any]) -> Message:
        """The request but for its page; GatewayError BAD_USER_INPUT."""
        return self._plain.build(arguments)

    def build_page(self, arguments: Mapping[str, Any]) -> tuple[Message, Paging]:
        """The request for a page, and the part of it that is wanted; GatewayError BAD_USER_INPUT."""
        first, text = arguments["first"], arguments.get("after")
        if not 1 <= first <= PAGE_MAX:
            raise bad_input("first", f"must be from 1 to {PAGE_MAX}")
        after = None if text is None else cursors.decode(text, "after")
        request: Any = self._plain.build(arguments)
        request.page_size = min(first + (after.skip if after else 0), PAGE_MAX)
        request.page_token = after.token if after else ""
        return request, Paging(first, after)

    def rename(self, error: GatewayError) -> GatewayError:
        """The same error, with the arguments' paths where the service named the request fields that they filled."""
        return self._all.rename(error)


def page_items(
    target: GraphQLObjectType, method: Method, annotations: Annotations
) -> tuple[FieldDescriptor, paths.Steps]:
    """The repeated field that a connection shows, and the way to the id of an item; BindingError without them."""
    connection = annotations.one(target, "connection") or {}
    names = {found["name"] for found in annotations.all(target, "message")}
    if method.response.full_name not in names:
        raise BindingError(f"{target.name} does not show {method.response.full_name}")
    (items,) = paths.resolve(method.response, connection["items"])
    if not items.is_repeated or items.message_type is None:
        raise BindingError(f"{items.full_name} is no list of messages")
    key = paths.resolve(items.message_type, connection["key"])
    if key[-1].cpp_type != FieldDescriptor.CPPTYPE_INT64:
        raise BindingError(f"{key[-1].full_name} is no id")
    return items, key
