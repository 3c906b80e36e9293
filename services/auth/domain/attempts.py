"""How many passwords may be tried on one name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """At most `attempts` wrong passwords on one name in `window`, counted from the first; a right one forgets them."""

    attempts: int = 10
    window: timedelta = timedelta(minutes=15)
