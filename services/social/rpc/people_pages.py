"""Pages of people: sizes, and tokens that belong to a list, a method and a viewer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from daira.social.v1.profile_pb2 import Profile
from services.chassis.context import viewer_id
from services.chassis.errors import invalid
from services.chassis.page_token import PageTokens
from services.social.adapters.post_codec import profile_message
from services.social.application.profiles import ManageProfiles

PAGE_DEFAULT: Final = 20
PAGE_MAX: Final = 100
Pairs = Callable[[int, "tuple[int, int] | None", int], Awaitable[list[tuple[int, int]]]]


class PageRequest(Protocol):
    """Any request for a page of people."""

    page_size: int
    page_token: str


class PeoplePages:
    """Answers requests for lists of people with profiles and the token of the next page."""

    def __init__(self, profiles: ManageProfiles, tokens: PageTokens) -> None:
        self._profiles = profiles
        self._tokens = tokens

    async def page(
        self, request: PageRequest, method: str, user_id: int, pairs: Pairs, *, even_of_blockers: bool = False
    ) -> tuple[list[Profile], str]:
        """A page of a person's list, and the token of the next, empty at the end.

        AppError FIELD_INVALID, PAGE_TOKEN_INVALID. People who block the viewer are left out unless asked for.
        """
        size = page_size(request.page_size)
        viewer, after = viewer_id(), None
        if request.page_token:
            fields = self._tokens.open(request.page_token, method, viewer)
            if fields.get("of") != user_id:
                raise invalid("page_token", "belongs to another list", reason="PAGE_TOKEN_INVALID")
            after = int(fields["at"]), int(fields["id"])
        found = await pairs(user_id, after, size + 1)
        people = found[:size]
        profiles = await self._profiles.listed(
            [person for _, person in people], viewer, even_of_blockers=even_of_blockers
        )
        token = ""
        if len(found) > size:
            token = self._tokens.seal(method, viewer, {"of": user_id, "at": people[-1][0], "id": people[-1][1]})
        return [profile_message(profile) for profile in profiles], token


def page_size(asked: int) -> int:
    """The size of a page; AppError FIELD_INVALID outside 0 to 100, 0 meaning 20."""
    if not 0 <= asked <= PAGE_MAX:
        raise invalid("page_size", f"must be 0 to {PAGE_MAX}")
    return asked or PAGE_DEFAULT
