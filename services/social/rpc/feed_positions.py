"""Positions of a scroll as page tokens: everything in them, little of it, signed and bound to viewer and mode.

Ids of one scroll are close together and sorted they are closer, so each takes about five bytes as the difference to the
one before (protobuf's varints). The order in which posts were shown matters for the last two only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from services.chassis.errors import AppError, invalid
from services.chassis.page_token import PageTokens
from services.social.adapters.post_codec import varint
from services.social.application.feed.position import Mode, Position

_METHOD: Final = "GetHomeFeed"
_VERSION: Final = 1
# Version, mode, flags, ranked_at_ms, ceiling, floor, before.
_HEAD: Final = struct.Struct("<BBBqqqq")
_IN_ARCHIVE: Final = 1
_LAST: Final = 2


class FeedPositions:
    """Seals and opens positions."""

    def __init__(self, tokens: PageTokens) -> None:
        self._tokens = tokens

    def seal(self, position: Position, viewer_id: int) -> str:
        """The page token of a position."""
        flags = _IN_ARCHIVE if position.in_archive else 0
        head = _HEAD.pack(
            _VERSION, position.mode, flags, position.ranked_at_ms, position.ceiling, position.floor, position.before
        )
        last = position.shown[-_LAST:]
        parts = (
            head,
            _ids(position.shown[: -len(last)] if last else ()),
            _ids(last, keep_order=True),
            _ids(position.skipped),
        )
        return self._tokens.seal_bytes(_METHOD, viewer_id, b"".join(parts))

    def open(self, token: str, viewer_id: int, mode: Mode) -> Position:
        """The position of a token. AppError PAGE_TOKEN_INVALID for one of another viewer, list or mode."""
        payload = self._tokens.open_bytes(token, _METHOD, viewer_id)
        if len(payload) < _HEAD.size or payload[0] != _VERSION:
            raise _refused("is of another release: begin anew")
        _, kept_mode, flags, ranked_at_ms, ceiling, floor, before = _HEAD.unpack_from(payload)
        if kept_mode != mode:
            raise _refused("belongs to the other mode")
        numbers = _varints(payload[_HEAD.size :])
        earlier, last, skipped = _read(numbers), _read(numbers, keep_order=True), _read(numbers)
        return Position(
            mode, ranked_at_ms, ceiling, floor, before, (*earlier, *last), tuple(skipped), bool(flags & _IN_ARCHIVE)
        )


def _ids(ids: Iterable[int], *, keep_order: bool = False) -> bytes:
    ordered = list(ids) if keep_order else sorted(ids)
    written = [varint(len(ordered))]
    before = 0
    for post_id in ordered:
        written.append(varint(post_id if keep_order else post_id - before))
        before = post_id
    return b"".join(written)


def _read(numbers: Iterator[int], *, keep_order: bool = False) -> list[int]:
    ids: list[int] = []
    before = 0
    for _ in range(next(numbers)):
        before = next(numbers) + (0 if keep_order else before)
        ids.append(before)
    return ids


def _varints(payload: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield number
            number = shift = 0


def _refused(why: str) -> AppError:
    return invalid("page_token", why, reason="PAGE_TOKEN_INVALID")
