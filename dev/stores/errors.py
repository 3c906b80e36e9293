"""The one error a person sees when a store cannot be started, with what to do about it."""

from __future__ import annotations

from dev.errors import DevError


class StoreError(DevError):
    """A store cannot start. Nothing was deleted."""
