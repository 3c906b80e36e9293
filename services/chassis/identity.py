"""Who is calling, once a token has been verified."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class IdentityKind(enum.Enum):
    """What kind of caller a token names."""

    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified caller. A user has user_id and session_id, a service its short name; the other fields are 0 or ''."""

    kind: IdentityKind
    user_id: int = 0
    session_id: int = 0
    service: str = ""
