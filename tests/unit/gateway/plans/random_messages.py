"""Random responses as bytes: sound ones, and ones with holes, strangers, merged parts and values out of range."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

TEXTS: Final = (
    "",
    "صباح الخير يا مصر",
    'قال: "أهلاً"\n\tثم \\ مضى',
    "\u0000\u001f\u007f\u2028",
    "🌙 a" * 30,
    "plain",
)
INTEGERS: Final = (0, 1, 2, 77, -3, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**60 + 5, 2**63 - 1, -(2**63))
FRACTIONS: Final = (0.0, 1.0, 0.5, 0.4225, 1 / 3, -0.0, 1e-9, 0.123456789, 1 / 4096, 1e300)
STRANGE_FRACTIONS: Final = (float("nan"), float("inf"))
SECONDS: Final = (0, 1, -1, 1_795_416_000, 951_782_400, 253_402_300_799, -30_610_224_000)
STRANGE_SECONDS: Final = (2**62, -62_135_596_801, -40_000_000_000)
_INT32: Final = 2**31


class RandomMessage:
    """Makes messages. `holes` is how often something is absent, `strange` how often a value is none that is shown."""

    def __init__(self, random: Random, *, holes: float, strange: float) -> None:
        self._random = random
        self._holes = holes
        self._strange = strange

    def bytes(self, descriptor: Descriptor) -> bytes:
        """A message on the wire, at times in two parts that merge, at times with a field that nobody knows."""
        wire = self._message(descriptor).SerializeToString()
        if self._random.random() < 0.2:
            wire += self._message(descriptor, lists=False).SerializeToString()
        if self._random.random() < 0.2:
            wire += b"\xc2\x3e\x03abc"
        if self._random.random() < self._strange:
            return wire[:-1]
        return bytes(wire)

    def _message(self, descriptor: Descriptor, *, lists: bool = True) -> Message:
        message = GetMessageClass(descriptor)()
        if descriptor.full_name == "google.protobuf.Timestamp":
            seconds: Any = STRANGE_SECONDS if self._happens(self._strange) else SECONDS
            return type(message)(seconds=self._random.choice(seconds), nanos=self._random.randrange(10**9))
        for field in descriptor.fields:
            if self._happens(self._holes):
                continue
            if field.is_repeated:
                if lists:
                    count = self._random.choice([0, 1, 2, 5])
                    getattr(message, field.name).extend(self._value(field) for _ in range(count))
            elif field.message_type is not None:
                getattr(message, field.name).CopyFrom(self._value(field))
            else:
                setattr(message, field.name, self._value(field))
        return message

    def _value(self, field: FieldDescriptor) -> Any:
        choose = self._random.choice
        if field.message_type is not None:
            return self._message(field.message_type)
        if field.enum_type is not None:
            return choose([*field.enum_type.values_by_number, 99])
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return choose(TEXTS)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return choose([True, False])
        if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
            return choose(STRANGE_FRACTIONS if self._happens(self._strange) else FRACTIONS)
        number = choose(INTEGERS[1:] if field.name.endswith("_id") and not self._happens(self._holes) else INTEGERS)
        return max(-_INT32, min(_INT32 - 1, number)) if field.cpp_type == FieldDescriptor.CPPTYPE_INT32 else number

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability
