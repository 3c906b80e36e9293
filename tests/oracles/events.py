"""What happened on the platform, and the state that it adds up to: in the plainest Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

_Member = TypeVar("_Member", int, tuple[int, int])


@dataclass(frozen=True)
class PostCreated:
    """An author published a post, or passed one on."""

    post_id: int
    author_id: int
    kind: int
    original_id: int = 0  # for a repost: the post that is passed on
    spam: int = 0  # percent

    @property
    def shown_id(self) -> int:
        """The post that feeds show for it."""
        return self.original_id or self.post_id


@dataclass(frozen=True)
class PostDeleted:
    """A post, or a repost, is gone."""

    post_id: int


@dataclass(frozen=True)
class PostLiked:
    """A person likes a post since at_ms."""

    post_id: int
    user_id: int
    at_ms: int


@dataclass(frozen=True)
class PostUnliked:
    """A person no longer likes a post."""

    post_id: int
    user_id: int


@dataclass(frozen=True)
class PostReported:
    """A person reported a post, and was trusted so far."""

    post_id: int
    user_id: int
    trust: int = 100  # percent


@dataclass(frozen=True)
class UserFollowed:
    """A person follows another."""

    follower_id: int
    followee_id: int


@dataclass(frozen=True)
class UserUnfollowed:
    """A person no longer follows another."""

    follower_id: int
    followee_id: int


@dataclass(frozen=True)
class BlockChanged:
    """A person blocks another, or no longer does."""

    blocker_id: int
    blocked_id: int
    on: bool


@dataclass(frozen=True)
class MuteChanged:
    """A person mutes another, or no longer does."""

    muter_id: int
    muted_id: int
    on: bool


@dataclass(frozen=True)
class PrivacyChanged:
    """A person's posts are for their followers only, or for everybody."""

    user_id: int
    on: bool


@dataclass(frozen=True)
class PostSeen:
    """A person was shown a post, opened it, or both; each counts as often as it is recorded."""

    post_id: int
    user_id: int
    at_ms: int
    seen: bool = True
    opened: bool = False


Event = (
    PostCreated
    | PostDeleted
    | PostLiked
    | PostUnliked
    | PostReported
    | UserFollowed
    | UserUnfollowed
    | BlockChanged
    | MuteChanged
    | PrivacyChanged
    | PostSeen
)


@dataclass
class State:
    """Everything feeds depend on."""

    posts: dict[int, PostCreated] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    likes: dict[tuple[int, int], int] = field(default_factory=dict)  # (post, person) -> when
    reports: dict[tuple[int, int], int] = field(default_factory=dict)  # (post, person) -> trust
    follows: set[tuple[int, int]] = field(default_factory=set)  # (follower, followee)
    blocks: set[tuple[int, int]] = field(default_factory=set)  # (blocker, blocked)
    mutes: set[tuple[int, int]] = field(default_factory=set)  # (muter, muted)
    private: set[int] = field(default_factory=set)
    impressions: Counter[int] = field(default_factory=Counter)  # of a post
    openings: list[tuple[int, int, int]] = field(default_factory=list)  # (post, person, when)


def replay(events: Iterable[Event], state: State | None = None) -> State:
    """Fold events, oldest first, into a state; a repeated event changes nothing, but for PostSeen."""
    folded = state or State()
    for event in events:
        _apply(folded, event)
    return folded


def _apply(state: State, event: Event) -> None:
    match event:
        case PostCreated():
            state.posts.setdefault(event.post_id, event)
        case PostDeleted():
            state.deleted.add(event.post_id)
        case PostLiked():
            state.likes.setdefault((event.post_id, event.user_id), event.at_ms)
        case PostUnliked():
            state.likes.pop((event.post_id, event.user_id), None)
        case PostReported():
            state.reports.setdefault((event.post_id, event.user_id), event.trust)
        case PostSeen():
            state.impressions[event.post_id] += event.seen
            if event.opened:
                state.openings.append((event.post_id, event.user_id, event.at_ms))
        case _:
            _relate(state, event)


def _relate(state: State, event: UserFollowed | UserUnfollowed | BlockChanged | MuteChanged | PrivacyChanged) -> None:
    match event:
        case UserFollowed():
            state.follows.add((event.follower_id, event.followee_id))
        case UserUnfollowed():
            state.follows.discard((event.follower_id, event.followee_id))
        case BlockChanged():
            _set(state.blocks, (event.blocker_id, event.blocked_id), event.on)
        case MuteChanged():
            _set(state.mutes, (event.muter_id, event.muted_id), event.on)
        case PrivacyChanged():
            _set(state.private, event.user_id, event.on)


def _set(members: set[_Member], member: _Member, on: bool) -> None:  # noqa: FBT001
    if on:
        members.add(member)
    else:
        members.discard(member)
