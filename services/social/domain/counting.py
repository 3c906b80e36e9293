"""What a batch of events adds up to: changes of counters, and likes that move affinities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LikeMove:
    """A like given at at_ms (+1) or taken back (-1)."""

    viewer_id: int
    author_id: int
    at_ms: int
    delta: int


@dataclass(slots=True)
class Changes:
    """Sums of one batch."""

    likes: Counter[int] = field(default_factory=Counter)
    reports: Counter[int] = field(default_factory=Counter)
    followers: Counter[int] = field(default_factory=Counter)
    following: Counter[int] = field(default_factory=Counter)
    posts: Counter[int] = field(default_factory=Counter)
    like_moves: list[LikeMove] = field(default_factory=list)

    def like(self, post_id: int, move: LikeMove) -> None:
        """A like or its end."""
        self.likes[post_id] += move.delta
        self.like_moves.append(move)

    def follow(self, follower_id: int, followee_id: int, delta: int) -> None:
        """A follow or its end."""
        self.following[follower_id] += delta
        self.followers[followee_id] += delta


def fan_in_flip(followers: int, *, is_fan_in: bool, threshold: int) -> bool | None:
    """The new mode of an author, or None when it stays: in at the threshold, out below nine tenths of it."""
    if not is_fan_in and followers >= threshold:
        return True
    if is_fan_in and followers * 10 < threshold * 9:
        return False
    return None
