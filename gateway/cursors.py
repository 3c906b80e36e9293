"""Cursors of connections: a page token of the service, and how far into its page."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import Final

from gateway.errors import GatewayError, bad_input

_HEAD: Final = struct.Struct(">Bq")
# Twice in base64, once by the service and once here.
_CHARS_MAX: Final = 17_000
SKIP_MAX: Final = 99


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place after the `skip`-th item, whose id is `key`, of the page that `token` opens; skip 0 is its beginning.

    The key finds the item again when newer ones have moved it. The service seals the token: forging gains nothing.
    """

    token: str = ""
    skip: int = 0
    key: int = 0

    def encode(self) -> str:
        """The opaque text."""
        raw = _HEAD.pack(self.skip, self.key) + self.token.encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str, argument: str) -> Cursor:
    """The cursor behind the text; GatewayError BAD_USER_INPUT (PAGE_TOKEN_INVALID) for anything else."""
    if not 0 < len(text) <= _CHARS_MAX:
        raise _invalid(argument)
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        skip, key = _HEAD.unpack_from(raw)
        token = raw[_HEAD.size :].decode()
    except (UnicodeError, binascii.Error, struct.error) as error:
        raise _invalid(argument) from error
    # A beginning without a token would be the first page, which has no cursor before it.
    if skip > SKIP_MAX or (skip == 0 and not token):
        raise _invalid(argument)
    return Cursor(token, skip, key)


def _invalid(argument: str) -> GatewayError:
    return bad_input(argument, "is not a cursor of this list", "PAGE_TOKEN_INVALID")
