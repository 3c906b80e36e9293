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
    """A verified caller. A service has its short name, and nothing else; a user has all but that.

    `level` is 1, or 2 when two factors were proved, the last of them at `authenticated_at_s`; `epoch` is the account's
    when the token was made, at `issued_at_s` (both in seconds since 1970). A token with a `key_thumbprint` is good only
    with a proof of that key (RFC 9449).
    """

    kind: IdentityKind
    user_id: int = 0
    session_id: int = 0
    service: str = ""
    level: int = 1
    authenticated_at_s: int = 0
    issued_at_s: int = 0
    epoch: int = 0
    methods: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    key_thumbprint: str = ""
