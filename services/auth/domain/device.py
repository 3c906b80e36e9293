"""The device and the network that a session is used from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from services.chassis.errors import invalid
from services.chassis.text import clean_text

MAX_NAME_CHARS: Final = 64
_DEVICE_ID: Final = re.compile(r"([A-Za-z0-9_-]{16,64})?")


@dataclass(frozen=True, slots=True)
class Device:
    """A device as it is kept: `digest` is the SHA-256 of the app's id for it, b"" without one.

    `name` is what its owner may call it; `network` a /24 or /48; `key_thumbprint` the RFC 7638 thumbprint of the key
    that its tokens are bound to. Each is "" when there is none.
    """

    digest: bytes = b""
    name: str = ""
    network: str = ""
    key_thumbprint: str = ""


def read_device(device_id: str, name: str, network: str, key_thumbprint: str = "") -> Device:
    """A device as a client names it; AppError INVALID_ARGUMENT for other forms."""
    checked = read_device_id(device_id)
    return Device(
        digest_of(checked), clean_text(name, "device_name", 0, MAX_NAME_CHARS, multiline=False), network, key_thumbprint
    )


def digest_of(device_id: str) -> bytes:
    """What a device is known by in the database: the SHA-256 of its id, b"" of none."""
    return hashlib.sha256(device_id.encode()).digest() if device_id else b""


def read_device_id(text: str) -> str:
    """The id of a device, or nothing; AppError INVALID_ARGUMENT for other forms."""
    if _DEVICE_ID.fullmatch(text) is None:
        raise invalid("device_id", "must be empty or 16 to 64 characters of A-Z a-z 0-9 _ -")
    return text
