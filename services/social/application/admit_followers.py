"""Who follows a person, as that person decides: requests answered, followers sent away."""

from __future__ import annotations

from services.chassis.errors import invalid
from services.social.application.ports import FollowRequests, Inboxes, LocalFeatures
from services.social.application.records import IdempotentCall


class AdmitFollowers:
    """Takes effect on the other's next feed."""

    def __init__(self, requests: FollowRequests, inboxes: Inboxes, features: LocalFeatures) -> None:
        self._requests = requests
        self._inboxes = inboxes
        self._features = features

    async def answer(self, user_id: int, follower_id: int, call: IdempotentCall, *, accept: bool) -> None:
        """Accept or decline a request. AppError FOLLOW_REQUEST_NOT_FOUND, IDEMPOTENCY_KEY_REUSED."""
        await self._requests.answer(user_id, follower_id, call, accept=accept)
        if accept:
            await self._forget(follower_id)

    async def remove(self, user_id: int, follower_id: int) -> None:
        """Send a follower away; without a follow nothing happens. AppError SELF_NOT_ALLOWED, PROFILE_NOT_FOUND."""
        if user_id == follower_id:
            raise invalid("follower_id", "is your own", reason="SELF_NOT_ALLOWED")
        if await self._requests.remove_follower(user_id, follower_id):
            await self._forget(follower_id)

    async def _forget(self, viewer_id: int) -> None:
        await self._features.follows_changed(viewer_id)
        await self._inboxes.invalidate([viewer_id])
