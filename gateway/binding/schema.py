"""Binds the annotated schema: reads the sources, gives every field its resolver, refuses any that has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    assert_valid_schema,
    build_ast_schema,
    get_named_type,
    parse,
    specified_directives,
)

from daira.common.v1.error_reason_pb2 import ErrorReason
from gateway import scalars
from gateway.binding import contract, resolvers, subscriptions
from gateway.binding.annotations import Annotations
from gateway.binding.answers import Refusal
from gateway.binding.calls import rpc_resolver
from gateway.binding.contract import BindingError
from gateway.binding.outputs import enum_names
from gateway.binding.resolvers import Resolver

FOLDER: Final = Path(__file__).parents[1] / "schema"
_SOURCES_OF_FIELDS: Final = ("rpc", "steps", "proto", "request", "error", "local")
# Types that only the annotations use; clients never see them.
_ANNOTATION_TYPES: Final = frozenset({"RpcParent", "IdType"})


def sources() -> str:
    """The schema as written, all files."""
    return "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.graphql")))


def bind(text: str, compose: Callable[[GraphQLSchema], Mapping[str, Resolver]]) -> GraphQLSchema:
    """The executable schema. `compose` gives the resolvers written by hand, by `Type.field`: for @steps, some @local.

    BindingError names the field whose annotations are missing, contradict one another or do not fit the contract.
    """
    annotated = build_ast_schema(parse(text))
    assert_valid_schema(annotated)
    _Binder(annotated, compose(annotated)).bind()
    scalars.install(annotated)
    bound = _without_annotations(annotated)
    # Plans are made of what the annotations say, as resolvers are.
    bound.extensions = {"annotations": Annotations(annotated)}
    return bound


class _Binder:
    """The work of `bind` on one schema."""

    def __init__(self, schema: GraphQLSchema, composed: Mapping[str, Resolver]) -> None:
        self._annotations = Annotations(schema)
        self._composed = dict(composed)
        self._types = [each for name, each in schema.type_map.items() if not name.startswith("__")]
        self._objects = [each for each in self._types if isinstance(each, GraphQLObjectType)]
        fields = [(parent, field) for parent in self._objects for field in parent.fields.values()]
        self._answers = {
            name: contract.method(rpc["method"]).request
            for _, field in fields
            if (rpc := self._annotations.one(field, "rpc")) and self._annotations.one(field, "proto") is None
            for name in self._answer_types(get_named_type(field.type))
        }
        for parent, field in fields:
            steps = self._annotations.one(field, "steps")
            if steps and parent.name == "Mutation":
                # The first step makes the payload.
                self._answers[get_named_type(field.type).name] = contract.method(steps["methods"][0]).request
        self._excerpted = {name for _, field in fields for name in resolvers.excerpted_types(self._annotations, field)}

    def bind(self) -> None:
        for each in self._types:
            if isinstance(each, GraphQLEnumType) and each.name not in _ANNOTATION_TYPES:
                enum_names(each, self._annotations)
            if isinstance(each, GraphQLUnionType):
                each.resolve_type = self._union_resolver(each)
            if isinstance(each, GraphQLInterfaceType):
                each.resolve_type = self._interface_resolver(each)
        for parent in self._objects:
            self._check_type(parent)
            for name, field in parent.fields.items():
                try:
                    field.resolve = self._resolver(parent, name, field)
                    # For the cost model: what a call costs is of another order than what is read from its answer.
                    field.extensions = {"calls": any(self._annotations.one(field, kind) for kind in ("rpc", "steps"))}
                except BindingError as error:
                    raise BindingError(f"{parent.name}.{name}: {error}") from error
        if self._composed:
            raise BindingError(f"no field for the resolvers of {', '.join(sorted(self._composed))}")

    def _resolver(self, parent: GraphQLObjectType, name: str, field: GraphQLField) -> Resolver:
        kinds = [kind for kind in _SOURCES_OF_FIELDS if self._annotations.one(field, kind) is not None]
        written = self._composed.pop(f"{parent.name}.{name}", None)
        match kinds:
            case ["rpc"] | ["rpc", "proto"]:
                is_live = parent.name == "Subscription"
                return (subscriptions.live if is_live else rpc_resolver)(parent, field, self._annotations)
            case ["steps"]:
                return self._checked_steps(field, written)
            case ["local"]:
                return written or _attribute_resolver(name)
            case ["request"]:
                return resolvers.request_resolver(field, self._request_of(parent), self._annotations)
            case ["error"]:
                return resolvers.error_resolver(self._annotations.text(field, "error", "metadata"))
            case ["proto"]:
                return self._proto_resolver(parent, field)
            case _:
                raise BindingError(f"needs exactly one of {', '.join(_SOURCES_OF_FIELDS)}; has {kinds}")

    def _proto_resolver(self, parent: GraphQLObjectType, field: GraphQLField) -> Resolver:
        messages = self._messages(parent)
        path = str(self._annotations.text(field, "proto", "field"))
        if self._annotations.one(parent, "connection") is not None:
            special = _connection_field(field, messages, path)
            if special is not None:
                return special
        resolver = resolvers.proto_resolver(parent, field, messages, self._unwrap(parent), self._annotations)
        if parent.name in self._excerpted:
            read, convert = resolvers.value_reader(field, messages, path, self._annotations)
            return resolvers.for_excerpts(path, resolver, read, convert)
        return resolver

    def _unwrap(self, parent: GraphQLObjectType) -> resolvers.Unwrap | None:
        if parent.name in self._answers or self._annotations.one(parent, "connection") is not None:
            return lambda answer: answer.response
        if "node" in parent.fields and "cursor" in parent.fields:
            return lambda edge: edge.item
        return None

    def _checked_steps(self, field: GraphQLField, written: Resolver | None) -> Resolver:
        for name in (self._annotations.one(field, "steps") or {})["methods"]:
            contract.method(name)
        if written is None:
            raise BindingError("is composed, and no resolver is written for it")
        return written

    def _request_of(self, parent: GraphQLObjectType) -> Descriptor:
        found = self._answers.get(parent.name)
        if found is None:
            raise BindingError(f"{parent.name} is no answer, so it has no request")
        return found

    def _messages(self, parent: GraphQLObjectType) -> list[Descriptor]:
        return [contract.message(found["name"]) for found in self._annotations.all(parent, "message")]

    def _answer_types(self, target: GraphQLNamedType) -> list[str]:
        members = target.types if isinstance(target, GraphQLUnionType) else (target,)
        return [member.name for member in members if self._annotations.all(member, "message")]

    def _check_type(self, parent: GraphQLObjectType) -> None:
        refusal = self._annotations.one(parent, "refusal")
        if refusal is not None and f"ERROR_REASON_{refusal['reason']}" not in ErrorReason.DESCRIPTOR.values_by_name:
            raise BindingError(f"{parent.name}: there is no reason {refusal['reason']}")
        for name, field in parent.fields.items():
            self._check_batch(f"{parent.name}.{name}", field)

    def _check_batch(self, where: str, field: GraphQLField) -> None:
        spec = resolvers.batch_spec(field, self._annotations)
        if spec is None:
            return
        method = contract.method(spec.method)
        ids = method.request.fields_by_name.get(spec.ids)
        items = method.response.fields_by_name.get(spec.items)
        fits = (
            ids is not None
            and ids.is_repeated
            and ids.cpp_type == FieldDescriptor.CPPTYPE_INT64
            and items is not None
            and items.is_repeated
            and items.message_type is not None
            and spec.key in items.message_type.fields_by_name
        )
        shown = {found["name"] for found in self._annotations.all(get_named_type(field.type), "message")}
        if not fits or items is None or items.message_type is None or items.message_type.full_name not in shown:
            raise BindingError(f"{where}: @batch does not fit {spec.method}")

    def _union_resolver(self, union: GraphQLUnionType) -> Any:
        (answered,) = (member.name for member in union.types if self._annotations.all(member, "message"))
        return lambda value, _info, _type: value.typename if isinstance(value, Refusal) else answered

    def _interface_resolver(self, interface: GraphQLInterfaceType) -> Any:
        names = {
            message.full_name: each.name
            for each in self._objects
            if interface in each.interfaces
            for message in self._messages(each)
        }
        return lambda value, _info, _type: names.get(value.DESCRIPTOR.full_name)


def _connection_field(field: GraphQLField, messages: list[Descriptor], path: str) -> Resolver | None:
    """Edges and pageInfo are made by the page; they still must name fields that exist."""
    target = get_named_type(field.type).name
    for message in messages:
        if path not in message.fields_by_name:
            raise BindingError(f"{message.full_name} has no field {path}")
    if target == "PageInfo":
        return lambda page, _info: page.page_info
    if target.endswith("Edge"):
        return lambda page, _info: page.edges
    return None


def _attribute_resolver(name: str) -> Resolver:
    attribute = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return lambda source, _info: getattr(source, attribute)


def _without_annotations(schema: GraphQLSchema) -> GraphQLSchema:
    kwargs = schema.to_kwargs()
    kwargs["directives"] = specified_directives
    kwargs["types"] = tuple(each for each in kwargs["types"] or () if each.name not in _ANNOTATION_TYPES)
    return GraphQLSchema(**kwargs)
