"""Taking in what people saw and opened of their feeds."""

from __future__ import annotations

from collections.abc import Mapping

from services.social.application.ports import Feedback, SeenPosts
from services.social.application.records import IdempotentCall


class RecordFeedback:
    """Durable with its event when it returns; the filter of what was seen follows, and is made anew when it is lost."""

    def __init__(self, feedback: Feedback, seen: SeenPosts) -> None:
        self._feedback = feedback
        self._seen = seen

    async def record(self, viewer_id: int, items: Mapping[int, bool], call: IdempotentCall) -> None:
        """Posts shown, by id, and whether each was opened. AppError IDEMPOTENCY_KEY_REUSED."""
        shown = await self._feedback.record(viewer_id, items, call)
        # Also after a repeat, for the first call may have been broken off right after its commit.
        if shown:
            await self._seen.add(viewer_id, shown)
