"""How GraphQL arguments become a protobuf request: one builder a field, made and checked when the schema is bound."""

from __future__ import annotations

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
    get_named_type,
    get_nullable_type,
)

from gateway import opaque_ids
from gateway.binding import paths
from gateway.binding.annotations import Annotations
from gateway.binding.contract import BindingError
from gateway.binding.outputs import enum_names, id_type
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


@dataclass(frozen=True, slots=True)
class _Slot:
    """One argument or input field, and the request field that it fills. `label` is its path for error messages."""

    keys: tuple[str, ...]
    label: str
    steps: paths.Steps
    convert: Callable[[Any], Any]

    def value(self, arguments: Mapping[str, Any]) -> Any:
        here: Any = arguments
        for key in self.keys:
            here = here.get(key) if here is not None else None
        return here


class RequestBuilder:
    """Builds requests of one message from the arguments of one field."""

    def __init__(self, message: Descriptor, arguments: Mapping[str, GraphQLArgument], annotations: Annotations) -> None:
        self._message = message
        self._class: type[Message] = GetMessageClass(message)
        self._annotations = annotations
        self._slots: list[_Slot] = []
        for name, argument in arguments.items():
            self._collect((name,), argument)
        self._labels = {".".join(step.name for step in slot.steps): slot.label for slot in self._slots}
        self._oneofs: dict[str, list[str]] = {}
        for slot in self._slots:
            oneof = slot.steps[-1].containing_oneof
            if oneof is not None:
                path = ".".join([*(step.name for step in slot.steps[:-1]), oneof.name])
                self._oneofs.setdefault(path, []).append(slot.label)

    def build(self, arguments: Mapping[str, Any]) -> Message:
        """The request; GatewayError BAD_USER_INPUT for ids of other things, text that is no Unicode, two of a oneof."""
        request = self._class()
        chosen: dict[str, str] = {}
        for slot in self._slots:
            value = slot.value(arguments)
            if value is None:
                continue
            for step in slot.steps:
                oneof = step.containing_oneof
                # The oneof of a lone optional field is protobuf's own device.
                if oneof is not None and len(oneof.fields) > 1:
                    other = chosen.setdefault(oneof.full_name, slot.label)
                    if other != slot.label:
                        raise bad_input(slot.label, f"give either this or {other}, not both")
            try:
                paths.set_at(request, slot.steps, slot.convert(value))
            except UnicodeEncodeError as error:
                raise bad_input(slot.label, "is not valid Unicode text") from error
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
        # A message or a oneof that was left empty is named by what could have filled it.
        below = [label for proto, label in self._labels.items() if proto.startswith(f"{path}.")]
        return " or ".join(below or self._oneofs.get(path, [path]))

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
        steps = paths.resolve(self._message, found["field"])
        self._slots.append(_Slot(keys, ".".join(keys), steps, self._converter(keys, element, steps[-1])))

    def _converter(
        self, keys: tuple[str, ...], element: GraphQLArgument | GraphQLInputField, proto: FieldDescriptor
    ) -> Callable[[Any], Any]:
        target = get_named_type(element.type)
        if proto.is_repeated:
            raise BindingError(f"{proto.full_name} is repeated")
        if isinstance(target, GraphQLEnumType):
            numbers = {name: number for number, name in enum_names(target, self._annotations).items()}
            if proto.enum_type is None or proto.enum_type.full_name != self._annotations.text(
                target, "protoEnum", "name"
            ):
                raise BindingError(f"{proto.full_name} does not fit {target.name}")
            return numbers.__getitem__
        if proto.cpp_type not in _FITTING.get(target.name, frozenset()):
            raise BindingError(f"{proto.full_name} does not fit {target.name}")
        if target.name == "ID":
            kind, label = id_type(self._annotations.one(element, "id")), ".".join(keys)
            return lambda text: opaque_ids.decode_as(kind, text, label)
        return lambda value: value


def _told(violations: tuple[FieldViolation, ...]) -> str:
    """The message that services make of violations."""
    return "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
