"""Making, changing and reading profiles, and the lists of who follows whom."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.clock import Clock
from services.chassis.errors import invalid, not_found
from services.chassis.text import clean_text
from services.social.application.ports import Graph, Inboxes, LocalFeatures, Profiles
from services.social.application.records import Profile
from services.social.domain.handle import clean_handle, small_handle


class ManageProfiles:
    """Profiles and follows as people use them."""

    def __init__(
        self, profiles: Profiles, graph: Graph, inboxes: Inboxes, features: LocalFeatures, clock: Clock
    ) -> None:
        self._profiles = profiles
        self._graph = graph
        self._inboxes = inboxes
        self._features = features
        self._clock = clock

    async def create(self, user_id: int, handle: str, display_name: str, bio: str) -> Profile:
        """Make the caller's profile. AppError FIELD_INVALID, HANDLE_TAKEN."""
        profile = Profile(
            user_id,
            clean_handle(handle),
            clean_text(display_name, "display_name", 1, 50),
            clean_text(bio, "bio", 0, 300, multiline=True),
            self._clock.now(),
        )
        await self._profiles.create(profile)
        return await self.read(user_id, user_id)

    async def update(
        self, user_id: int, display_name: str | None, bio: str | None, *, is_private: bool | None = None
    ) -> Profile:
        """Change what is given; going public accepts everybody who asked. AppError FIELD_INVALID, PROFILE_NOT_FOUND."""
        name = None if display_name is None else clean_text(display_name, "display_name", 1, 50)
        text = None if bio is None else clean_text(bio, "bio", 0, 300, multiline=True)
        await self._profiles.update(user_id, name, text)
        if is_private is not None:
            await self._profiles.set_privacy(user_id, is_private=is_private)
            await self._features.privacy_changed(user_id, is_private=is_private)
        return await self.read(user_id, user_id)

    async def read(self, user_id: int, viewer_id: int) -> Profile:
        """One profile. AppError PROFILE_NOT_FOUND."""
        found = await self._profiles.by_ids([user_id], viewer_id)
        if not found:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        return found[0]

    async def read_by_handle(self, handle: str, viewer_id: int) -> Profile:
        """One profile. AppError PROFILE_NOT_FOUND, also for what cannot be a handle."""
        small = small_handle(handle)
        user_id = await self._profiles.id_of_handle(small) if small is not None else None
        if user_id is None:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        return await self.read(user_id, viewer_id)

    async def read_many(self, user_ids: Sequence[int], viewer_id: int) -> list[Profile]:
        """Profiles in the order of the ids; unknown ones left out. AppError FIELD_INVALID unless there are 1 to 100."""
        if not 1 <= len(user_ids) <= 100:
            raise invalid("user_ids", "must be 1 to 100 ids")
        return await self._profiles.by_ids(list(dict.fromkeys(user_ids)), viewer_id)

    async def listed(self, user_ids: Sequence[int], viewer_id: int, *, even_of_blockers: bool) -> list[Profile]:
        """Profiles of a list in its order; of people who block the viewer only where the viewer made the list."""
        return await self._profiles.by_ids(user_ids, viewer_id, even_of_blockers=even_of_blockers) if user_ids else []

    async def follow(self, follower_id: int, followee_id: int) -> Profile:
        """Follow, or ask to.

        AppError SELF_NOT_ALLOWED, PROFILE_NOT_FOUND, PROFILE_MISSING, FOLLOW_LIMIT_REACHED, BLOCKED.
        """
        if follower_id == followee_id:
            raise invalid("followee_id", "is your own", reason="SELF_NOT_ALLOWED")
        if await self._graph.follow(follower_id, followee_id):
            await self._forget(follower_id)
        return await self.read(followee_id, follower_id)

    async def unfollow(self, follower_id: int, followee_id: int) -> Profile:
        """Unfollow, or take the request back. AppError PROFILE_NOT_FOUND."""
        if await self._graph.unfollow(follower_id, followee_id):
            await self._forget(follower_id)
        return await self.read(followee_id, follower_id)

    async def _forget(self, viewer_id: int) -> None:
        await self._features.follows_changed(viewer_id)
        await self._inboxes.invalidate([viewer_id])
