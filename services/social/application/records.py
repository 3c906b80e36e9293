"""What the stores hold, as the use cases see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Visibility(Enum):
    """What of an author a viewer sees."""

    EVERYTHING = "everything"
    # There is no such person, or they block the viewer, which must look the same.
    UNKNOWN = "unknown"
    # The viewer blocks them: the profile, and no posts.
    BLOCKED = "blocked"
    # They are private and the viewer does not follow them: the profile, and no posts.
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with its counts, and whether the viewer follows it or waits to be accepted."""

    user_id: int
    handle: str
    display_name: str
    bio: str
    created_at: datetime
    followers: int = 0
    following: int = 0
    posts: int = 0
    viewer_follows: bool = False
    is_private: bool = False
    viewer_requested: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """A post with its author's handle and name, its counts, and whether the viewer likes it and passed it on."""

    post_id: int
    author_id: int
    handle: str
    display_name: str
    author_since: datetime
    body: str
    language: str
    kind: int
    likes: int = 0
    viewer_likes: bool = False
    reposts: int = 0
    viewer_reposted: bool = False
    spam_percent: int = 0
    subscribers_only: bool = False
    # Whether what is in it is kept from the viewer.
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Original:
    """A post that is passed on, or may be."""

    post_id: int
    author_id: int


@dataclass(frozen=True, slots=True)
class NewPost:
    """A cleaned post that is about to be written."""

    author_id: int
    body: str
    language: str
    kind: int
    # How much it looks like spam; and how much when its author published the same text in the last day.
    spam_percent: int = 0
    spam_percent_again: int = 0
    subscribers_only: bool = False


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """The caller's key and the hash of the request's body."""

    key: str
    body_hash: bytes
