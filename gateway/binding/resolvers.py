"""Makes the resolver of each field from its annotations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.descriptor import Descriptor
from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, get_named_type

from gateway.binding import paths
from gateway.binding.annotations import Annotations
from gateway.binding.answers import Answer, BatchSpec, Excerpt
from gateway.binding.contract import BindingError
from gateway.binding.outputs import Converter, conversion
from gateway.binding.paths import Getter
from gateway.errors import NOT_FOUND, GatewayError
from gateway.scope import Info

Resolver = Callable[..., Any]
Unwrap = Callable[[Any], Any]


def proto_resolver(
    parent: GraphQLObjectType,
    field: GraphQLField,
    messages: list[Descriptor],
    unwrap: Unwrap | None,
    annotations: Annotations,
) -> Resolver:
    """The resolver of a field with @proto: it reads the parent's message. All of the parent's messages must have it."""
    path = str(annotations.text(field, "proto", "field"))
    read, convert = value_reader(field, messages, path, annotations)
    batch = batch_spec(field, annotations)
    excerpt = annotations.one(field, "excerpt")
    if batch is not None:
        if excerpt is not None:
            return _excerpt_resolver(read, unwrap, batch, excerpt)
        return _joined_resolver(read, unwrap, batch)
    if parent.name in excerpted_types(annotations, field):
        raise BindingError(f"{parent.name} cannot be an excerpt of itself")
    return _plain_resolver(read, unwrap, convert)


def value_reader(
    field: GraphQLField, messages: list[Descriptor], path: str, annotations: Annotations
) -> tuple[Getter, Converter | None]:
    """Getter and converter of the field at `path`, checked against every message."""
    if not messages:
        raise BindingError("the type needs @message")
    batch = annotations.one(field, "batch")
    chosen: tuple[Getter, Converter | None] | None = None
    for message in messages:
        steps = paths.resolve(message, path)
        convert: Converter | None = None
        if not steps:
            _check_self(field, message, annotations)
        elif batch is None:
            convert = conversion(field, steps[-1], annotations).apply
        elif isinstance(field.type, GraphQLNonNull) and annotations.one(field, "excerpt") is None:
            raise BindingError("what is joined may be missing: the field must be nullable")
        chosen = chosen or (paths.getter(steps), convert)
    if chosen is None:
        raise BindingError("the type needs @message")
    return chosen


def batch_spec(field: GraphQLField, annotations: Annotations) -> BatchSpec | None:
    """The @batch of a field."""
    found = annotations.one(field, "batch")
    return None if found is None else BatchSpec(found["method"], found["ids"], found["items"], found["key"])


def excerpted_types(annotations: Annotations, field: GraphQLField) -> frozenset[str]:
    """The type of which the field holds an excerpt, if it does."""
    if annotations.one(field, "excerpt") is None:
        return frozenset()
    return frozenset({get_named_type(field.type).name})


def request_resolver(field: GraphQLField, request: Descriptor, annotations: Annotations) -> Resolver:
    """The resolver of a field with @request: it reads the request that was answered."""
    path = str(annotations.text(field, "request", "field"))
    read, convert = value_reader(field, [request], path, annotations)
    batch = batch_spec(field, annotations)
    if batch is not None:
        return _joined_resolver(read, _request_of, batch)
    return _plain_resolver(read, _request_of, convert)


def error_resolver(metadata: str | None) -> Resolver:
    """The resolver of a field with @error on a Refusal."""
    if metadata is None:
        return lambda refusal, _info: refusal.message
    return lambda refusal, _info: refusal.metadata.get(metadata)


def for_excerpts(path: str, resolver: Resolver, read: Getter, convert: Converter | None) -> Resolver:
    """The same resolver for a type of which some values are excerpts: what an excerpt lacks is loaded."""
    name = path.split(".", 1)[0]

    async def whole(excerpt: Excerpt, info: Info) -> Any:
        message = await info.context.loader(excerpt.batch).load(excerpt.number)
        if message is None:
            raise GatewayError(NOT_FOUND, "not found any more")
        value = read(message)
        return value if convert is None or value is None else convert(value)

    def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        if type(source) is not Excerpt:
            return resolver(source, info, **arguments)
        if name in source.absent:
            return whole(source, info)
        return resolver(source.message, info, **arguments)

    return resolve


def _plain_resolver(read: Getter, unwrap: Unwrap | None, convert: Converter | None) -> Resolver:
    if unwrap is None and convert is None:
        return lambda source, _info: read(source)
    if unwrap is None:

        def converted(source: Any, _info: Info) -> Any:
            value = read(source)
            return None if value is None else convert(value)  # type: ignore[misc]

        return converted
    inner = _plain_resolver(read, None, convert)
    return lambda source, info: inner(unwrap(source), info)


def _joined_resolver(read: Getter, unwrap: Unwrap | None, batch: BatchSpec) -> Resolver:
    def resolve(source: Any, info: Info) -> Awaitable[Any] | None:
        number = read(source if unwrap is None else unwrap(source))
        return info.context.loader(batch).load(number) if number else None

    return resolve


def _excerpt_resolver(read: Getter, unwrap: Unwrap | None, batch: BatchSpec, excerpt: dict[str, Any]) -> Resolver:
    absent = frozenset(excerpt["absent"])
    key = excerpt["key"]

    def resolve(source: Any, _info: Info) -> Excerpt | None:
        message = read(source if unwrap is None else unwrap(source))
        return None if message is None else Excerpt(message, absent, getattr(message, key), batch)

    return resolve


def _request_of(answer: Answer) -> Any:
    return answer.request


def _check_self(field: GraphQLField, message: Descriptor, annotations: Annotations) -> None:
    names = {found["name"] for found in annotations.all(get_named_type(field.type), "message")}
    if message.full_name not in names:
        raise BindingError(f"{message.full_name} does not fit {field.type}")
