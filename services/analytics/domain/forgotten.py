"""People whose accounts are gone, and the events that concern them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from services.analytics.domain.recorded_event import RecordedEvent

# Of all other kinds of events the aggregate is a person.
KINDS_ABOUT_THINGS: Final = frozenset(
    {"post_created", "post_deleted", "post_liked", "post_unliked", "post_reported", "wallet_topped_up", "tip_sent",
     "top_up_declined", "saga_advanced", "transfer_posted", "payout_destination_added",
     "payout_destination_removed", "unknown"}
)  # fmt: skip


class Forgotten:
    """Ids of people in eight bytes each: there will be many, and they are held as long as there is analytics."""

    def __init__(self, user_ids: Iterable[int] = ()) -> None:
        self._ids = array("q", sorted(set(user_ids)))

    def __contains__(self, user_id: int) -> bool:
        place = bisect_left(self._ids, user_id)
        return place < len(self._ids) and self._ids[place] == user_id

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, user_ids: Iterable[int]) -> None:
        """Hold these as well."""
        for user_id in user_ids:
            if user_id not in self:
                self._ids.insert(bisect_left(self._ids, user_id), user_id)

    def concerns(self, event: RecordedEvent) -> bool:
        """Whether anybody of them did it, or it was done to them."""
        if event.actor_id in self or event.author_id in self:
            return True
        return event.kind not in KINDS_ABOUT_THINGS and event.aggregate_id in self
