"""How a protobuf value becomes a GraphQL value: one converter a field, chosen and checked when the schema is bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from google.protobuf.descriptor import FieldDescriptor
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
)

from gateway import opaque_ids
from gateway.binding import contract
from gateway.binding.annotations import Annotations
from gateway.binding.contract import BindingError
from gateway.opaque_ids import IdType
from gateway.scalars import Money, RankingTerm, date_time, saturated

Converter = Callable[[Any], Any]

TIMESTAMP: Final = "google.protobuf.Timestamp"
_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
_FLOATS: Final = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})


@dataclass(frozen=True, slots=True)
class Conversion:
    """A way from a protobuf value to a GraphQL value. `rule` and `detail` name it for plans; `apply` goes it here.

    `apply` is None when the value needs no change. `detail` is the IdType of an id, the weight of a term, the names by
    number of enums, whether an empty text is null.
    """

    rule: Literal[
        "id", "int", "float", "bool", "text", "time", "money", "term", "message", "list", "enum", "enums", "texts"
    ]
    apply: Converter | None = None
    detail: Any = None


def conversion(field: GraphQLField, proto: FieldDescriptor, annotations: Annotations) -> Conversion:
    """What turns the proto field's value into the GraphQL field's.

    BindingError when the types do not fit. A converter may answer None only where the GraphQL field is nullable.
    """
    nullable = not isinstance(field.type, GraphQLNonNull)
    bare: Any = get_nullable_type(field.type)
    if isinstance(bare, GraphQLList):
        return _list(bare, proto, annotations)
    if proto.is_repeated:
        raise BindingError(f"{proto.full_name} is repeated, {bare} is no list")
    if isinstance(bare, GraphQLEnumType):
        return _enum(bare, proto, annotations, nullable=nullable)
    if isinstance(bare, GraphQLObjectType):
        return _object(field, bare, proto, annotations)
    return _scalar(field, bare.name, proto, annotations, nullable=nullable)


def _scalar(
    field: GraphQLField, name: str, proto: FieldDescriptor, annotations: Annotations, *, nullable: bool
) -> Conversion:
    kind = proto.cpp_type
    if name == "ID" and kind == FieldDescriptor.CPPTYPE_INT64:
        return _id(field, annotations)
    if name == "Int" and kind in _INTEGERS:
        return Conversion("int", None if kind == FieldDescriptor.CPPTYPE_INT32 else saturated)
    if name == "Float" and kind in _FLOATS:
        return Conversion("float")
    if name == "Boolean" and kind == FieldDescriptor.CPPTYPE_BOOL:
        return Conversion("bool")
    if name in {"String", "Date"} and kind == FieldDescriptor.CPPTYPE_STRING:
        return _text(proto, nullable=nullable)
    if name == "DateTime" and proto.message_type is not None and proto.message_type.full_name == TIMESTAMP:
        return Conversion("time", date_time)
    raise BindingError(f"{proto.full_name} does not fit {name}")


def _object(
    field: GraphQLField, target: GraphQLObjectType, proto: FieldDescriptor, annotations: Annotations
) -> Conversion:
    if target.name == "Money" and proto.cpp_type == FieldDescriptor.CPPTYPE_INT64:
        return Conversion("money", Money)
    weight = annotations.one(field, "weight")
    if target.name == "RankingTerm" and proto.cpp_type in _FLOATS and weight is not None:
        value = float(weight["value"])
        return Conversion("term", lambda number: RankingTerm(number, value), value)
    names = {found["name"] for found in annotations.all(target, "message")}
    if proto.message_type is not None and proto.message_type.full_name in names:
        return Conversion("message")
    raise BindingError(f"{proto.full_name} does not fit {target.name}")


def _list(bare: GraphQLList[GraphQLOutputType], proto: FieldDescriptor, annotations: Annotations) -> Conversion:
    if not proto.is_repeated:
        raise BindingError(f"{proto.full_name} is not repeated, {bare} is a list")
    target = get_named_type(bare)
    if isinstance(target, GraphQLEnumType):
        known = _names(target, proto, annotations)
        # Values newer than this gateway are left out: a list needs none of them to be whole.
        return Conversion("enums", lambda numbers: [known[each] for each in numbers if each in known], known)
    if target.name == "String" and proto.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return Conversion("texts", list)
    names = {found["name"] for found in annotations.all(target, "message")}
    if proto.message_type is None or proto.message_type.full_name not in names:
        raise BindingError(f"{proto.full_name} does not fit {bare}")
    return Conversion("list", list)


def _enum(target: GraphQLEnumType, proto: FieldDescriptor, annotations: Annotations, *, nullable: bool) -> Conversion:
    names = _names(target, proto, annotations)
    if not nullable:
        # A value added to the contract later would break every answer that has it.
        raise BindingError(f"{proto.full_name}: fields of enums are nullable")
    return Conversion("enum", names.get, names)


def _names(target: GraphQLEnumType, proto: FieldDescriptor, annotations: Annotations) -> dict[int, str]:
    if proto.enum_type is None or proto.enum_type.full_name != annotations.text(target, "protoEnum", "name"):
        raise BindingError(f"{proto.full_name} does not fit {target.name}")
    return enum_names(target, annotations)


def _id(field: GraphQLField, annotations: Annotations) -> Conversion:
    kind = id_type(annotations.one(field, "id"))

    def convert(number: int) -> str | None:
        return opaque_ids.encode(kind, number) if number else None

    return Conversion("id", convert, kind)


def _text(proto: FieldDescriptor, *, nullable: bool) -> Conversion:
    if proto.type == FieldDescriptor.TYPE_BYTES:
        # A field of bytes is shown as text only where the contract says that it holds UTF-8.
        return Conversion("text", _nullable_text if nullable else bytes.decode, nullable)
    return Conversion("text", _empty_to_none if nullable else None, nullable)


def _nullable_text(data: bytes) -> str | None:
    return data.decode() or None


def _empty_to_none(text: str) -> str | None:
    return text or None


def id_type(annotation: dict[str, Any] | None) -> IdType:
    """The kind that an @id names; BindingError without one."""
    if annotation is None:
        raise BindingError("an ID needs @id")
    return IdType[annotation["type"]]


def enum_names(target: GraphQLEnumType, annotations: Annotations) -> dict[int, str]:
    """GraphQL names of a proto enum by number; BindingError when a GraphQL value has no counterpart."""
    name = annotations.text(target, "protoEnum", "name")
    if name is None:
        raise BindingError(f"{target.name} needs @protoEnum")
    descriptor = contract.enum(name)
    zero = descriptor.values_by_number[0].name
    prefix = zero.removesuffix("UNSPECIFIED")
    numbers = {value.name.removeprefix(prefix): value.number for value in descriptor.values}
    missing = set(target.values) - set(numbers)
    if missing:
        raise BindingError(f"{name} has no {', '.join(sorted(missing))}")
    return {numbers[value]: value for value in target.values}
