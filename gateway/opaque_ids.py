"""Opaque ids of GraphQL: the kind of thing and its 64-bit id, as twelve URL-safe characters."""

from __future__ import annotations

import base64
import binascii
import enum
import struct
from typing import Final

from gateway.errors import GatewayError, bad_input

_LAYOUT: Final = struct.Struct(">cq")
_CHARS: Final = 12


class IdType(enum.Enum):
    """Kinds of things; the value is the first byte, so it never changes."""

    USER = b"U"
    POST = b"P"
    TRANSFER = b"T"
    WALLET_ENTRY = b"E"
    TOP_UP = b"O"
    SESSION = b"S"
    FACTOR = b"F"
    ADMIN_REQUEST = b"Q"
    EXPORT = b"C"
    PLAN = b"L"
    SUBSCRIPTION = b"B"
    INVOICE = b"V"
    PAYOUT = b"Y"
    INSTRUMENT = b"I"


_BY_BYTE: Final = {kind.value: kind for kind in IdType}


def encode(kind: IdType, number: int) -> str:
    """The opaque id of a thing."""
    return base64.urlsafe_b64encode(_LAYOUT.pack(kind.value, number)).decode("ascii")


def decode(text: str, argument: str) -> tuple[IdType, int]:
    """Kind and number of an opaque id; GatewayError BAD_USER_INPUT for anything that `encode` never made."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True) if len(text) == _CHARS else b""
        byte, number = _LAYOUT.unpack(raw)
    except (UnicodeEncodeError, binascii.Error, struct.error) as error:
        raise not_an_id(argument) from error
    kind = _BY_BYTE.get(byte)
    if kind is None or number <= 0:
        raise not_an_id(argument)
    return kind, number


def decode_as(kind: IdType, text: str, argument: str) -> int:
    """The number of an opaque id of this kind; GatewayError BAD_USER_INPUT for garbage and for other kinds."""
    found, number = decode(text, argument)
    if found is not kind:
        raise bad_input(argument, f"is the id of a {_words(found)}, not of a {_words(kind)}")
    return number


def not_an_id(argument: str) -> GatewayError:
    """The error for text that is no id."""
    return bad_input(argument, "is not an id of this API")


def _words(kind: IdType) -> str:
    return kind.name.lower().replace("_", " ")
