"""A community to be loaded: people, and what they did with its times, before any store knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from services.chassis.ids import SHARDS, compose

DAY_MS = 86_400_000
SEQUENCES = 4096


class Person(NamedTuple):
    """One account with its profile; the phone is an Egyptian mobile in E.164."""

    user_id: int
    phone: str
    handle: str
    display_name: str
    bio: str
    created_ms: int


class Follow(NamedTuple):
    """One follow."""

    follower_id: int
    followee_id: int
    at_ms: int


class NewPost(NamedTuple):
    """One post; its time is in its id."""

    post_id: int
    author_id: int
    body: str


class Like(NamedTuple):
    """One like of a post by a person."""

    user_id: int
    post_id: int
    author_id: int
    at_ms: int


class Repost(NamedTuple):
    """One post passed on by a person; the time is in the repost's own id."""

    repost_id: int
    user_id: int
    post_id: int
    author_id: int


class Feedback(NamedTuple):
    """What a person saw at one time, at most 100 posts of others: (post, author, whether it was opened) each."""

    viewer_id: int
    at_ms: int
    posts: tuple[tuple[int, int, bool], ...]


@dataclass(frozen=True)
class Community:
    """All of it, each list in order of time."""

    people: list[Person]
    follows: list[Follow]
    posts: list[NewPost]
    likes: list[Like]
    reposts: list[Repost] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)


@dataclass(frozen=True)
class Calendar:
    """When things happened: accounts in the first month, follows in the second, posts and likes in the last `days`."""

    now_ms: int
    days: int

    @property
    def accounts_from_ms(self) -> int:
        """When the first account may have been made."""
        return self.posts_from_ms - 60 * DAY_MS

    @property
    def follows_from_ms(self) -> int:
        """When the first follow may have been made: all accounts exist."""
        return self.posts_from_ms - 30 * DAY_MS

    @property
    def posts_from_ms(self) -> int:
        """When the first post may have been published: all follows stand."""
        return self.now_ms - self.days * DAY_MS


class IdMaker:
    """Composes ids for given moments, each once. The same calls in the same order give the same ids."""

    def __init__(self) -> None:
        self._sequence = 0
        self._made: set[int] = set()

    def user_id(self, ms: int) -> int:
        """The id of an account made at `ms` (milliseconds since 1970)."""
        return self._unique(ms, self._sequence % SHARDS)

    def post_id(self, ms: int, author_id: int) -> int:
        """The id of a post published at `ms` by the author, on the author's shard."""
        return self._unique(ms, author_id >> 12 & (SHARDS - 1))

    def _unique(self, ms: int, shard: int) -> int:
        identifier = compose(ms, shard, self._sequence % SEQUENCES)
        while identifier in self._made:
            ms += 1
            identifier = compose(ms, shard, self._sequence % SEQUENCES)
        self._sequence += 1
        self._made.add(identifier)
        return identifier
