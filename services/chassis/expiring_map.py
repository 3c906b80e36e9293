"""What is remembered until a moment and then forgotten, oldest first."""

from __future__ import annotations

from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class ExpiringMap(Generic[_K, _V]):
    """A map whose entries end. All are put in for equally long, so that their order is the order in which they end.

    Forgetting costs what it forgets, never what is held.
    """

    def __init__(self) -> None:
        self._entries: dict[_K, tuple[_V, float]] = {}

    def put(self, key: _K, value: _V, until: float) -> None:
        """Remember the value until `until`, on the clock that `forget` is told."""
        self._entries.pop(key, None)
        self._entries[key] = (value, until)

    def get(self, key: _K) -> _V | None:
        """The value; None when there is none, or when it was forgotten."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def forget(self, now: float, most: int | None = None) -> None:
        """Drop what has ended, and the oldest beyond `most`."""
        while self._entries:
            oldest = next(iter(self._entries))
            if self._entries[oldest][1] > now and (most is None or len(self._entries) <= most):
                return
            del self._entries[oldest]

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)
