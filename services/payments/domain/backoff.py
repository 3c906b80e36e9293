"""How long to wait before a provider is asked again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

_FIRST_S: Final = 2.0
_LAST_S: Final = 3600.0


def inquiry_delay(attempts: int) -> timedelta:
    """The wait after `attempts` inquiries that told nothing: doubling from two seconds to one hour."""
    return timedelta(seconds=min(_LAST_S, _FIRST_S * 2.0 ** min(max(attempts - 1, 0), 20)))
