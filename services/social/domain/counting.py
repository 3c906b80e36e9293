"""What a batch of events adds up to: changes of counters, and acts that move affinities."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Act:
    """What a viewer did with an author's post at at_ms, in likes; below zero takes back what was done then."""

    viewer_id: int
    author_id: int
    at_ms: int
    weight: float


@dataclass(slots=True)
class PostChanges:
    """How the counters of one post change."""

    likes: int = 0
    reposts: int = 0
    opens: int = 0
    impressions: int = 0
    reports: int = 0
    report_trust: int = 0


@dataclass(slots=True)
class Changes:
    """Sums of one batch."""

    of_posts: defaultdict[int, PostChanges] = field(default_factory=lambda: defaultdict(PostChanges))
    followers: Counter[int] = field(default_factory=Counter)
    following: Counter[int] = field(default_factory=Counter)
    posts: Counter[int] = field(default_factory=Counter)
    acts: list[Act] = field(default_factory=list)

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
