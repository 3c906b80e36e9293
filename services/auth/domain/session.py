"""How long sessions and their tokens live, and what becomes of a refresh token that is presented."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# 32 random bytes in base64url without padding.
_REFRESH_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class SessionEnd(enum.Enum):
    """Why a session ended before its time."""

    SIGNED_OUT = 1
    REFRESH_TOKEN_REUSED = 2
    SURPLUS = 3
    ENDED_BY_OWNER = 4
    SIGNED_OUT_EVERYWHERE = 5
    DEVICE_FORGOTTEN = 6
    FACTOR_CHANGED = 7
    ENDED_BY_ADMIN = 8
    ACCOUNT_CLOSED = 9
    PHONE_PROVED = 20
    PASSWORD_CHANGED = 21

    @property
    def is_by_owner(self) -> bool:
        """Whether the session's owner ended it; else the platform did."""
        return self in {
            SessionEnd.SIGNED_OUT,
            SessionEnd.ENDED_BY_OWNER,
            SessionEnd.SIGNED_OUT_EVERYWHERE,
            SessionEnd.DEVICE_FORGOTTEN,
            SessionEnd.FACTOR_CHANGED,
            SessionEnd.PASSWORD_CHANGED,
        }


@dataclass(frozen=True, slots=True)
class SessionLifetimes:
    """How long things live.

    `refresh_idle` is for an unused refresh token, `session` for all of its family, and `reuse_grace` is how long after
    its use a refresh token still answers with the same successor.
    """

    access: timedelta = timedelta(minutes=10)
    refresh_idle: timedelta = timedelta(days=30)
    session: timedelta = timedelta(days=180)
    reuse_grace: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class StoredRefreshToken:
    """What is known of a refresh token that could not be rotated. Times are in UTC; None means not yet."""

    session_id: int
    user_id: int
    expires_at: datetime
    used_at: datetime | None
    session_expires_at: datetime
    session_ended_at: datetime | None


class Replay(enum.Enum):
    """What to do about a refresh token that could not be rotated."""

    SAME_SUCCESSOR = enum.auto()
    REVOKE_FAMILY = enum.auto()
    REFUSE = enum.auto()


def judge_replay(token: StoredRefreshToken, now: datetime, grace: timedelta) -> Replay:
    """Tell the loser of a race, who gets the same successor, from a thief, whose use ends the session."""
    if token.session_ended_at is not None or token.session_expires_at <= now:
        return Replay.REFUSE
    if token.used_at is None:
        # It was not used and yet not rotated: it had expired.
        return Replay.REFUSE
    if now - token.used_at <= grace:
        return Replay.SAME_SUCCESSOR
    return Replay.REVOKE_FAMILY


def looks_like_refresh_token(text: str) -> bool:
    """Whether the text has the form of a refresh token; others are not looked up."""
    return _REFRESH_TOKEN.fullmatch(text) is not None
