"""An event as analytics keeps it, and what it says about an author."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.analytics.domain.figures import AuthorFigures


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event of one service's log, flat.

    `aggregate_id`, `actor_id` and `kind` are the envelope's. `author_id` is the person whose figures it moves, 0 for
    none. Amounts are in piastres; what a kind does not have is 0 or empty. `occurred_at` is in UTC.
    """

    service: str
    pos: int
    event_id: int
    kind: str
    aggregate_id: int
    aggregate_version: int
    actor_id: int
    occurred_at: datetime
    author_id: int = 0
    post_id: int = 0
    session_id: int = 0
    amount_piastres: int = 0
    fee_piastres: int = 0
    vat_piastres: int = 0
    post_kind: int = 0
    language: str = ""
    body: str = ""


# daira.social.v1.PostKind's number of posts that pass another one on, which nobody counts as written.
_REPOST_KIND: Final = 4
_FIGURES_BY_KIND: Final = {
    "post_created": AuthorFigures(posts=1),
    "post_liked": AuthorFigures(likes=1),
    "post_unliked": AuthorFigures(likes=-1),
    "user_followed": AuthorFigures(followers=1),
    "user_unfollowed": AuthorFigures(followers=-1),
}


def figures_of(event: RecordedEvent) -> AuthorFigures | None:
    """What the event adds to the figures of its author; None when it adds nothing."""
    if event.author_id == 0 or event.post_kind == _REPOST_KIND:
        return None
    if event.kind == "tip_sent":
        return AuthorFigures(tips=1, tips_piastres=event.amount_piastres - event.fee_piastres - event.vat_piastres)
    return _FIGURES_BY_KIND.get(event.kind)
