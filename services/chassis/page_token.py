"""Page tokens: opaque to clients, signed, and good for one method and one viewer only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

from services.chassis.errors import AppError, invalid

# A feed's token holds the posts it has shown, up to a thousand of them at five to eight bytes each.
_MAX_CHARS: Final = 12_288
_MAC_BYTES: Final = 16
_MIN_KEY_BYTES: Final = 32


class PageTokens:
    """Seals what a next page needs to know, and opens only what it sealed itself."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"a page token key has at least {_MIN_KEY_BYTES} bytes")
        self._key = key

    def seal(self, method: str, viewer: int, fields: Mapping[str, int | str]) -> str:
        """A token for the next page of `method` as seen by `viewer` (0 when nobody is signed in)."""
        return self.seal_bytes(method, viewer, json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())

    def seal_bytes(self, method: str, viewer: int, payload: bytes) -> str:
        """The same, of a payload of the caller's own form."""
        token = base64.urlsafe_b64encode(self._mac(method, viewer, payload) + payload).rstrip(b"=").decode()
        if len(token) > _MAX_CHARS:
            raise ValueError("a page token holds a cursor, not data")
        return token

    def open_before(self, token: str, method: str, viewer: int) -> int | None:
        """Before what the page of a token that holds nothing else goes on; None for the first page, whose token is "".

        AppError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, for a token of anything else.
        """
        if not token:
            return None
        before = self.open(token, method, viewer).get("before")
        if not isinstance(before, int):
            raise invalid("page_token", "belongs to another version", reason="PAGE_TOKEN_INVALID")
        return before

    def seal_before(self, method: str, viewer: int, before: int | None) -> str:
        """The token that `open_before` opens; "" for None, after the last page."""
        return "" if before is None else self.seal(method, viewer, {"before": before})

    def open(self, token: str, method: str, viewer: int) -> dict[str, int | str]:
        """The sealed fields; AppError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, for anything else."""
        fields: dict[str, int | str] = json.loads(self.open_bytes(token, method, viewer))
        return fields

    def open_bytes(self, token: str, method: str, viewer: int) -> bytes:
        """The sealed payload; AppError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, for anything else."""
        if len(token) > _MAX_CHARS or not token.isascii():
            raise _refused()
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _refused() from None
        # Base64 has several spellings of some bytes; only the one that was sealed is taken.
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
            raise _refused()
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(method, viewer, payload)):
            raise _refused()
        return payload

    def _mac(self, method: str, viewer: int, payload: bytes) -> bytes:
        # The NUL cannot occur in a method or a number, so no two different inputs share one message.
        message = b"\0".join((b"page", method.encode(), str(viewer).encode(), payload))
        return hmac.digest(self._key, message, hashlib.sha256)[:_MAC_BYTES]


def _refused() -> AppError:
    return invalid("page_token", "was altered or belongs to another list", reason="PAGE_TOKEN_INVALID")
