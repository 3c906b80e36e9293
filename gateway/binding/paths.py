"""Paths into protobuf messages, checked against their descriptors and compiled to getters."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.binding.contract import BindingError

Getter = Callable[[Any], Any]
Steps = tuple[FieldDescriptor, ...]


def resolve(message: Descriptor, path: str) -> Steps:
    """The fields that a dotted path leads through; BindingError when one does not exist. '.' is the empty path."""
    if path == ".":
        return ()
    steps: list[FieldDescriptor] = []
    here: Descriptor | None = message
    for name in path.split("."):
        if here is None or (steps and steps[-1].is_repeated):
            raise BindingError(f"{path} leads through {steps[-1].full_name}, which is no single message")
        found = here.fields_by_name.get(name)
        if found is None:
            raise BindingError(f"{here.full_name} has no field {name}")
        steps.append(found)
        here = found.message_type
    return tuple(steps)


def getter(steps: Steps) -> Getter:
    """What reads the value at the path: None where a message on the way, or an optional field, is not set."""
    if not steps:
        return lambda message: message
    *way, last = steps
    read = operator.attrgetter(last.name)
    checked = last.has_presence and not last.is_repeated
    if not way and not checked:
        return read
    names = [step.name for step in way]
    last_name = last.name

    def get(message: Message) -> Any:
        for name in names:
            if not message.HasField(name):
                return None
            message = getattr(message, name)
        if checked and not message.HasField(last_name):
            return None
        return getattr(message, last_name)

    return get


def set_at(message: Message, steps: Steps, value: Any) -> None:
    """Put a value, or a sequence where the field is repeated, at the path, making the messages on the way."""
    for step in steps[:-1]:
        message = getattr(message, step.name)
    if steps[-1].is_repeated:
        getattr(message, steps[-1].name).extend(value)
    elif isinstance(value, Message):
        getattr(message, steps[-1].name).CopyFrom(value)
    else:
        setattr(message, steps[-1].name, value)
