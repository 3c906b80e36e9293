"""social's stores in memory: as the use cases see them, and what they were told."""

# ruff: noqa: ARG002 - the ports have more arguments than a fake needs
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.chassis.errors import AppError, ErrorKind, already_exists, failed_precondition, not_found
from services.social.application.records import IdempotentCall, NewPost, Post, Profile

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakePosts:
    """Implements application.ports.Posts and Reports."""

    posts: dict[int, Post] = field(default_factory=dict)
    answered: dict[tuple[int, str], tuple[bytes, Post]] = field(default_factory=dict)
    liked: set[tuple[int, int]] = field(default_factory=set)

    async def create(self, post: NewPost, call: IdempotentCall) -> tuple[Post, bool]:
        known = self.answered.get((post.author_id, call.key))
        if known is not None:
            if known[0] != call.body_hash:
                raise failed_precondition("another body", "IDEMPOTENCY_KEY_REUSED")
            return known[1], False
        post_id = len(self.answered) + 1
        made = Post(post_id, post.author_id, "h", "n", SINCE, post.body, post.language, post.kind)
        self.posts[post_id] = made
        self.answered[post.author_id, call.key] = call.body_hash, made
        return made, True

    async def delete(self, post_id: int, author_id: int) -> None:
        if self._found(post_id).author_id != author_id:
            raise AppError(ErrorKind.PERMISSION_DENIED, "NOT_POST_AUTHOR", "no")
        del self.posts[post_id]

    async def like(self, post_id: int, user_id: int) -> int:
        self.liked.add((post_id, user_id))
        return self._found(post_id).post_id

    async def unlike(self, post_id: int, user_id: int) -> int:
        self.liked.discard((post_id, user_id))
        return self._found(post_id).post_id

    async def report(self, post_id: int, user_id: int) -> int:
        return self._found(post_id).post_id

    async def shown(self, post_id: int, viewer_id: int) -> Post | None:
        found = await self.read([post_id], viewer_id)
        return found[0] if found else None

    async def read(self, post_ids: Sequence[int], viewer_id: int) -> list[Post]:
        return [
            replace(self.posts[post_id], viewer_likes=(post_id, viewer_id) in self.liked)
            for post_id in post_ids
            if post_id in self.posts
        ]

    def _found(self, post_id: int) -> Post:
        if post_id not in self.posts:
            raise AppError(ErrorKind.NOT_FOUND, "POST_NOT_FOUND", "no such post")
        return self.posts[post_id]


@dataclass
class FakePeople:
    """Implements application.ports.Profiles and Graph."""

    profiles: dict[int, Profile] = field(default_factory=dict)
    follows: set[tuple[int, int]] = field(default_factory=set)

    async def create(self, profile: Profile) -> None:
        if any(other.handle == profile.handle != "" and other.user_id != profile.user_id
               for other in self.profiles.values()):  # fmt: skip
            raise already_exists("taken", "HANDLE_TAKEN")
        self.profiles.setdefault(profile.user_id, profile)

    async def update(self, user_id: int, display_name: str | None, bio: str | None) -> None:
        before = self.profiles[user_id]
        self.profiles[user_id] = replace(
            before,
            display_name=before.display_name if display_name is None else display_name,
            bio=before.bio if bio is None else bio,
        )

    async def set_privacy(self, user_id: int, *, is_private: bool) -> None:
        self.profiles[user_id] = replace(self.profiles[user_id], is_private=is_private)

    async def by_ids(self, user_ids: Sequence[int], viewer_id: int, *, even_of_blockers: bool = False) -> list[Profile]:
        return [
            replace(self.profiles[user_id], viewer_follows=(viewer_id, user_id) in self.follows)
            for user_id in user_ids
            if user_id in self.profiles
        ]

    async def id_of_handle(self, handle: str) -> int | None:
        return next((profile.user_id for profile in self.profiles.values() if profile.handle == handle), None)

    async def follow(self, follower_id: int, followee_id: int) -> bool:
        if followee_id not in self.profiles:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        is_new = (follower_id, followee_id) not in self.follows
        self.follows.add((follower_id, followee_id))
        return is_new

    async def unfollow(self, follower_id: int, followee_id: int) -> bool:
        was = (follower_id, followee_id) in self.follows
        self.follows.discard((follower_id, followee_id))
        return was

    async def followers(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        return [(1, follower) for follower, followee in sorted(self.follows) if followee == user_id][:limit]

    async def following(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        return [(1, followee) for follower, followee in sorted(self.follows) if follower == user_id][:limit]


@dataclass
class Told:
    """Implements the side effects: LocalFeatures, Inboxes and PostCache; keeps what it was told in order."""

    said: list[tuple[str, int]] = field(default_factory=list)

    async def post_created(
        self, post_id: int, author_id: int, kind: int, *, original_id: int = 0, spam_percent: int = 0
    ) -> None:
        self.said.append(("created", post_id))

    async def post_deleted(self, post_id: int, author_id: int) -> None:
        self.said.append(("deleted", post_id))

    async def post_liked(self, post_id: int, user_id: int, *, likes: bool) -> None:
        self.said.append(("liked" if likes else "unliked", post_id))

    async def post_reposted(self, original_id: int, user_id: int, *, reposts: bool) -> None:
        self.said.append(("reposted" if reposts else "unreposted", original_id))

    async def post_reported(self, post_id: int, user_id: int) -> None:
        self.said.append(("reported", post_id))

    async def follows_changed(self, viewer_id: int) -> None:
        self.said.append(("follows", viewer_id))

    async def relation_changed(
        self, actor_id: int, other_id: int, *, blocks: bool | None = None, mutes: bool | None = None
    ) -> None:
        said = "related" if blocks or mutes else "unrelated"
        self.said.append((said, other_id))

    async def muted_words_changed(self, viewer_id: int) -> None:
        self.said.append(("words", viewer_id))

    async def privacy_changed(self, author_id: int, *, is_private: bool) -> None:
        self.said.append(("private" if is_private else "public", author_id))

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        self.said += [("inbox", viewer_id) for viewer_id in viewer_ids]

    async def forget(self, post_id: int) -> None:
        self.said.append(("cache", post_id))
