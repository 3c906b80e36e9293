"""Challenges: what is still to be proved, how long, how often it may be tried, and how often in all."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# 32 bytes in base64url without padding.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class ChallengePurpose(enum.Enum):
    """What the answer to a challenge is for. Values are stored."""

    SIGN_IN = 1
    STEP_UP = 2
    ADD_PASSKEY = 3
    PASSKEY_SIGN_IN = 4


@dataclass(frozen=True, slots=True)
class ChallengeRules:
    """A challenge lives for `life`, takes `tries` answers, and one that is right.

    Whoever has a first factor can have any number of challenges, and one guess of three in a million is right: so an
    account takes `account_tries` guesses in `account_window`, counted from the first; a right one forgets them.
    """

    life: timedelta = timedelta(minutes=5)
    tries: int = 5
    account_tries: int = 20
    account_window: timedelta = timedelta(days=1)
    repeat_grace: timedelta = timedelta(seconds=10)
    repeats: int = 5


@dataclass(frozen=True, slots=True)
class BeginLimit:
    """One network begins `network_begins` sign-ins by passkey in `window`, counted from the first.

    Nobody is named in them, so nothing else bounds how many there are; pages that offer passkeys begin one each time
    they are shown.
    """

    network_begins: int = 300
    window: timedelta = timedelta(minutes=15)


def looks_like_challenge_token(text: str) -> bool:
    """Whether the text has the form of a challenge's token; others are not looked up."""
    return _TOKEN.fullmatch(text) is not None
