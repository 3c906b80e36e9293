"""How far down an inbox can be trusted."""

from __future__ import annotations

from collections.abc import Sequence


def floor_of(entries: Sequence[bytes]) -> int:
    """The least id from which on an inbox lacks nothing, whatever order its entries arrived in; 0 when nothing at all.

    The bottom entry says so: 0, or the newest post that was left out. Entries below the floor, the bottom among them,
    are to be ignored: the inbox has some of those posts and lacks others.
    """
    bottom = int(entries[-1]) if entries else 0
    return bottom + 1 if bottom > 0 else 0
