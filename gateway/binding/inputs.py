"""How GraphQL arguments become a protobuf request: a builder for each field, made and checked when it is bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
)

from gateway import opaque_ids
from gateway.binding import paths
from gateway.binding.annotations import Annotations
from gateway.binding.contract import BindingError
from gateway.binding.outputs import TIMESTAMP, enum_names, id_type
from gateway.errors import GatewayError, bad_input
from services.chassis.errors import FieldViolation

_INTEGERS: Final = frozenset({FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64})
_FITTING: Final = {
    "Int": _INTEGERS,
    "Piastres": frozenset({FieldDescriptor.CPPTYPE_INT64}),
    "String": frozenset({FieldDescriptor.CPPTYPE_STRING}),
    "Boolean": frozenset({FieldDescriptor.CPPTYPE_BOOL}),
    "ID": frozenset({FieldDescriptor.CPPTYPE_INT64}),
}
_INDEX: Final = re.compile(r"\[\d+\]")

# Of a value and of its path for error messages.
_Convert = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class _Slot:
    """One argument or input field, and the request field that it fills. `label` is its path for error messages."""

    keys: tuple[str, ...]
    label: str
    steps: paths.Steps
    convert: _Convert
    items: RequestBuilder | None = None

    def value(self, arguments: Mapping[str, Any]) -> Any:
        here: Any = arguments
        for key in self.keys:
            here = here.get(key) if here is not None else None
        return here


class RequestBuilder:
    """Builds requests of one message from the arguments of one field."""

    def __init__(
        self,
        message: Descriptor,
        arguments: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
        annotations: Annotations,
    ) -> None:
        self._message = message
        self._class: type[Message] = GetMessageClass(message)
        self._annotations = annotations
        self._slots: list[_Slot] = []
        for name, argument in arguments.items():
            self._collect((name,), argument)
        self._labels: dict[str, str] = {}
        for slot in self._slots:
            path = ".".join(step.name for step in slot.steps)
            self._labels[path] = slot.label
            if slot.items is not None:
                below = slot.items._labels.items()  # noqa: SLF001 - of the same class
                self._labels |= {f"{path}.{name}": f"{slot.label}.{label}" for name, label in below}
        self._oneofs: dict[str, list[str]] = {}
        for slot in self._slots:
            oneof = slot.steps[-1].containing_oneof
            if oneof is not None:
                empty = ".".join([*(step.name for step in slot.steps[:-1]), oneof.name])
                self._oneofs.setdefault(empty, []).append(slot.label)

    def build(self, arguments: Mapping[str, Any], within: str = "") -> Message:
        """The request, or a message in its list `within`.

        GatewayError BAD_USER_INPUT for ids of other things, text that is no Unicode, two of a oneof.
        """
        request = self._class()
        chosen: dict[str, str] = {}
        for slot in self._slots:
            value = slot.value(arguments)
            if value is None:
                continue
            label = f"{within}{slot.label}"
            for step in slot.steps:
                oneof = step.containing_oneof
                # The oneof of a lone optional field is protobuf's own device.
                if oneof is not None and len(oneof.fields) > 1:
                    other = chosen.setdefault(oneof.full_name, label)
                    if other != label:
                        raise bad_input(label, f"give either this or {other}, not both")
            try:
                paths.set_at(request, slot.steps, slot.convert(value, label))
            except UnicodeEncodeError as error:
                raise bad_input(label, "is not valid Unicode text") from error
        return request

    def rename(self, error: GatewayError) -> GatewayError:
        """The same error, with the arguments' paths where the service named the request fields that they filled."""
        told = _told(error.field_violations)
        error.field_violations = tuple(
            FieldViolation(self._label(violation.field), violation.description) for violation in error.field_violations
        )
        if told and error.message == told:
            error.message = _told(error.field_violations)
        return error

    def label_of(self, path: str) -> str:
        """The argument that fills a request field; BindingError when none does."""
        if path not in self._labels:
            raise BindingError(f"no argument fills {path}")
        return self._labels[path]

    def _label(self, path: str) -> str:
        if path in self._labels:
            return self._labels[path]
        index = _INDEX.search(path)
        if index is not None:
            of_list, plain = self._label(path[: index.start()]), _INDEX.sub("", path)
            below = self._labels[plain].removeprefix(of_list) if plain in self._labels else path[index.end() :]
            return f"{of_list}{index[0]}{below}"
        # A message or a oneof that was left empty is named by what could have filled it.
        filling = [label for proto, label in self._labels.items() if proto.startswith(f"{path}.")]
        return " or ".join(filling or self._oneofs.get(path, [path]))

    def _collect(self, keys: tuple[str, ...], element: GraphQLArgument | GraphQLInputField) -> None:
        target = get_nullable_type(element.type)
        found = self._annotations.one(element, "proto")
        if found is None:
            if not isinstance(target, GraphQLInputObjectType):
                raise BindingError(f"{'.'.join(keys)} needs @proto")
            names = [each["name"] for each in self._annotations.all(target, "message")]
            if self._message.full_name not in names:
                raise BindingError(f"{target.name} is not {self._message.full_name}")
            for name, field in target.fields.items():
                self._collect((*keys, name), field)
            return
        if found.get("of") not in {None, self._message.full_name}:
            return
        steps, label = paths.resolve(self._message, found["field"]), ".".join(keys)
        proto = steps[-1]
        if isinstance(target, GraphQLList) != proto.is_repeated:
            raise BindingError(f"{proto.full_name} does not fit {target}")
        if not isinstance(target, GraphQLList):
            self._slots.append(_Slot(keys, label, steps, self._converter(element, proto)))
            return
        if not isinstance(target.of_type, GraphQLNonNull) or isinstance(target.of_type.of_type, GraphQLList):
            raise BindingError(f"{proto.full_name} is a list of values, {target} has nulls or lists in it")
        items, convert = self._items(element, proto)
        self._slots.append(_Slot(keys, label, steps, _each(convert), items))

    def _items(
        self, element: GraphQLArgument | GraphQLInputField, proto: FieldDescriptor
    ) -> tuple[RequestBuilder | None, _Convert]:
        """What makes the items of a list, and the builder that does it when they are messages."""
        target = get_named_type(element.type)
        if not isinstance(target, GraphQLInputObjectType):
            return None, self._converter(element, proto)
        names = [each["name"] for each in self._annotations.all(target, "message")]
        if proto.message_type is None or proto.message_type.full_name not in names:
            raise BindingError(f"{proto.full_name} does not fit {target.name}")
        items = RequestBuilder(proto.message_type, target.fields, self._annotations)
        return items, lambda value, label: items.build(value, f"{label}.")

    def _converter(self, element: GraphQLArgument | GraphQLInputField, proto: FieldDescriptor) -> _Convert:
        target = get_named_type(element.type)
        if isinstance(target, GraphQLEnumType):
            numbers = {name: number for number, name in enum_names(target, self._annotations).items()}
            if proto.enum_type is None or proto.enum_type.full_name != self._annotations.text(
                target, "protoEnum", "name"
            ):
                raise BindingError(f"{proto.full_name} does not fit {target.name}")
            return lambda name, _label: numbers[name]
        if target.name == "DateTime" and proto.message_type is not None and proto.message_type.full_name == TIMESTAMP:
            return lambda moment, _label: moment
        if proto.cpp_type not in _FITTING.get(target.name, frozenset()):
            raise BindingError(f"{proto.full_name} does not fit {target.name}")
        if target.name == "ID":
            kind = id_type(self._annotations.one(element, "id"))
            return lambda text, label: opaque_ids.decode_as(kind, text, label)
        return lambda value, _label: value


def _each(convert: _Convert) -> _Convert:
    return lambda values, label: [convert(value, f"{label}[{place}]") for place, value in enumerate(values)]


def _told(violations: tuple[FieldViolation, ...]) -> str:
    """The message that services make of violations."""
    return "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
