"""From the selection of a field to the specification of a plan: what each response key shows of the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetails

from gateway.binding import paths
from gateway.binding.annotations import Annotations
from gateway.binding.contract import Method
from gateway.binding.outputs import Conversion, conversion
from gateway.binding.requests import page_items
from gateway.native_plan import Spec
from gateway.plans.collection import Collector

_TYPENAME: Final = "__typename"
# How plans read what a rule shows, where the rule alone does not say.
_ENCODINGS: Final[Mapping[str, Mapping[int, str]]] = {
    "id": {FieldDescriptor.TYPE_INT64: "int64"},
    "int": {
        FieldDescriptor.TYPE_INT32: "int32",
        FieldDescriptor.TYPE_INT64: "int64",
        FieldDescriptor.TYPE_UINT32: "uint32",
        FieldDescriptor.TYPE_UINT64: "uint64",
    },
    "float": {FieldDescriptor.TYPE_FLOAT: "float", FieldDescriptor.TYPE_DOUBLE: "double"},
    "money": {FieldDescriptor.TYPE_INT64: "int64"},
    "term": {FieldDescriptor.TYPE_DOUBLE: "double"},
}
_PAGE_PARTS: Final = {
    "hasNextPage": "has_next",
    "hasPreviousPage": "has_previous",
    "startCursor": "start",
    "endCursor": "end",
}
_MONEY_PARTS: Final = {"piastres": "piastres", "egp": "egp", "formatted": "formatted"}
_TERM_PARTS: Final = {"value": "value", "contribution": "contribution"}

Fields = list[tuple[str, Spec]]


class Unplannable(Exception):  # noqa: N818 - it says what a selection is
    """The selection needs more than the bytes of one response: another call, the request, a choice among types."""


class Selections:
    """Makes the specifications of one operation's selections."""

    def __init__(self, annotations: Annotations, collector: Collector) -> None:
        self._annotations = annotations
        self._collector = collector

    def answer(self, field: GraphQLField, method: Method, details: list[FieldDetails]) -> Spec:
        """The specification of what a field with @rpc shows of its response; Unplannable."""
        target = _object_type(field)
        path = self._annotations.text(field, "proto", "field")
        if path is not None:
            steps = self._steps(method.response, path)
            return "object", _numbers(steps), self._object(target, _message(steps[-1]), details)
        if self._annotations.one(target, "connection") is None:
            return "object", [], self._object(target, method.response, details)
        items, key = page_items(target, method, self._annotations)
        token = method.response.fields_by_name["next_page_token"]
        fields = self._page(target, method.response, items, details)
        return "connection", items.number, _numbers(key), token.number, fields

    def _page(
        self, target: GraphQLObjectType, response: Descriptor, items: FieldDescriptor, details: list[FieldDetails]
    ) -> Fields:
        fields: Fields = []
        for key, name, below in self._collector.subfields(target, details):
            if name == _TYPENAME:
                fields.append((key, _typename(target)))
                continue
            field = target.fields[name]
            shown = get_named_type(field.type)
            if shown.name == "PageInfo":
                fields.append((key, ("page_info", self._parts(field, below, _PAGE_PARTS))))
            elif shown.name.endswith("Edge"):
                edge = _object_type(field)
                fields.append((key, ("edges", self._object(edge, _message(items), below, is_edge=True))))
            else:
                fields.append((key, self._field(target, name, response, below)))
        return fields

    def _object(
        self,
        target: GraphQLObjectType,
        message: Descriptor,
        details: list[FieldDetails],
        absent: frozenset[str] = frozenset(),
        *,
        is_edge: bool = False,
    ) -> Fields:
        fields: Fields = []
        for key, name, below in self._collector.subfields(target, details):
            if name == _TYPENAME:
                value = _typename(target)
            elif is_edge and name == "cursor":
                value = ("cursor",)
            else:
                value = self._field(target, name, message, below, absent)
            fields.append((key, value))
        return fields

    def _field(
        self,
        parent: GraphQLObjectType,
        name: str,
        message: Descriptor,
        details: list[FieldDetails],
        absent: frozenset[str] = frozenset(),
    ) -> Spec:
        field, annotations = parent.fields[name], self._annotations
        path = annotations.text(field, "proto", "field")
        if path is None or annotations.one(field, "rpc") is not None:
            raise Unplannable(f"{parent.name}.{name} is not read from the message")
        excerpt = annotations.one(field, "excerpt")
        if excerpt is None and annotations.one(field, "batch") is not None:
            raise Unplannable(f"{parent.name}.{name} is loaded by id")
        if path.split(".", 1)[0] in absent:
            raise Unplannable(f"{parent.name}.{name} is not in the excerpt")
        steps = self._steps(message, path)
        nullable = not isinstance(field.type, GraphQLNonNull)
        if not steps:
            return "object", [], nullable, self._object(_object_type(field), message, details)
        last, numbers = steps[-1], _numbers(steps)
        if excerpt is not None:
            lacking = frozenset(excerpt["absent"])
            return "object", numbers, nullable, self._object(_object_type(field), _message(last), details, lacking)
        converted = conversion(field, last, annotations)
        if converted.rule in {"message", "list"}:
            kind = "object" if converted.rule == "message" else "list"
            return kind, numbers, nullable, self._object(_object_type(field), _message(last), details)
        presence = last.has_presence and not last.is_repeated
        return "leaf", numbers, presence, nullable, self._leaf(field, last, converted, details)

    def _leaf(
        self, field: GraphQLField, proto: FieldDescriptor, converted: Conversion, details: list[FieldDetails]
    ) -> Spec:
        rule, detail = converted.rule, converted.detail
        if rule == "texts":
            raise Unplannable(f"{proto.full_name} is a list of texts, which plans do not write")
        if proto.type not in _ENCODINGS.get(rule, (proto.type,)):
            raise Unplannable(f"{proto.full_name} is encoded in a way that plans do not read")
        spec: Spec = (rule,)
        match rule:
            case "id":
                spec = (rule, ord(detail.value))
            case "int" | "float":
                spec = (rule, _ENCODINGS[rule][proto.type])
            case "text":
                spec = (rule, bool(detail))
            case "enum" | "enums":
                spec = (rule, list(detail.items()))
            case "money":
                spec = (rule, self._parts(field, details, _MONEY_PARTS))
            case "term":
                weight = {"weight": orjson.dumps(detail).decode()}
                spec = (rule, detail, self._parts(field, details, _TERM_PARTS, weight))
        return spec

    def _parts(
        self,
        field: GraphQLField,
        details: list[FieldDetails],
        parts: Mapping[str, str],
        constants: Mapping[str, str] | None = None,
    ) -> list[tuple[str, str, str]]:
        """The keys of an object that is made of one value."""
        target = _object_type(field)
        constants = {**(constants or {}), _TYPENAME: f'"{target.name}"'}
        found: list[tuple[str, str, str]] = []
        for key, name, _below in self._collector.subfields(target, details):
            if name in constants:
                found.append((key, "const", constants[name]))
            elif name in parts:
                found.append((key, parts[name], ""))
            else:
                raise Unplannable(f"{target.name}.{name} is made in a way that plans do not know")
        return found

    def _steps(self, message: Descriptor, path: str) -> paths.Steps:
        steps = paths.resolve(message, path)
        for step in steps:
            oneof = step.containing_oneof
            # Which of several members was sent last is not what plans look at.
            if oneof is not None and len(oneof.fields) > 1:
                raise Unplannable(f"{step.full_name} is one of several")
        return steps


def _object_type(field: GraphQLField) -> GraphQLObjectType:
    target: Any = get_named_type(field.type)
    if not isinstance(target, GraphQLObjectType):
        raise Unplannable(f"{target.name} is one of several types")
    return target


def _message(proto: FieldDescriptor) -> Descriptor:
    if proto.message_type is None:
        raise Unplannable(f"{proto.full_name} is no message")
    return proto.message_type


def _numbers(steps: paths.Steps) -> list[int]:
    return [step.number for step in steps]


def _typename(target: GraphQLObjectType) -> Spec:
    return "const", f'"{target.name}"'
