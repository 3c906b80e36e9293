"""Answers of FeedService written as bytes: posts are there as bytes already, and are not parsed to be written again."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from daira.social.v1 import feed_service_pb2 as pb
from services.social.adapters.post_codec import field, varint
from services.social.application.feed.ports import Terms
from services.social.application.feed.position import Item, Mode, Page
from services.social.domain.ranking import WEIGHTS

# daira.social.v1.Ranking: six doubles, fields 1 to 6, each behind its tag.
_RANKING: Final = struct.Struct("<BdBdBdBdBdBd")
_WEIGHTS: Final = field(
    5,
    pb.RankingWeights(
        affinity=WEIGHTS.affinity / 100,
        quality=WEIGHTS.quality / 100,
        freshness=WEIGHTS.freshness / 100,
        diversity=WEIGHTS.diversity / 100,
        negative=-WEIGHTS.negative / 100,
    ).SerializeToString(),
)


def home_feed_answer(page: Page, mode: Mode, next_page_token: str) -> bytes:
    """A serialised daira.social.v1.GetHomeFeedResponse."""
    parts = [field(1, _item(item)) for item in page.items]
    parts.append(_end(next_page_token, degraded=bool(page.missing)))
    seconds, milliseconds = divmod(page.ranked_at_ms, 1000)
    parts.append(field(4, b"\x08" + varint(seconds) + b"\x10" + varint(milliseconds * 1_000_000)))
    if mode is Mode.RANKED:
        parts.append(_WEIGHTS)
    if page.missing:
        parts.append(field(6, bytes(sorted(page.missing))))
    if page.ranked_down_to:
        parts.append(b"\x38" + varint(page.ranked_down_to))
    return b"".join(parts)


def author_timeline_answer(posts: Sequence[bytes], next_page_token: str, *, degraded: bool) -> bytes:
    """A serialised daira.social.v1.GetAuthorTimelineResponse."""
    return b"".join((*(field(1, post) for post in posts), _end(next_page_token, degraded=degraded)))


def _item(item: Item) -> bytes:
    written = field(1, item.post) + bytes((0x10, item.source))
    if item.terms:
        written += field(3, _ranking(item.terms))
    if item.repost_id:
        written += field(4, item.reposted_by) + b"\x28" + varint(item.repost_id)
    return written + b"\x30\x01" if item.seen_before else written


def _ranking(terms: Terms) -> bytes:
    affinity, quality, freshness, diversity, negative, score = terms
    return _RANKING.pack(0x09, affinity, 0x11, quality, 0x19, freshness, 0x21, diversity, 0x29, negative, 0x31, score)


def _end(next_page_token: str, *, degraded: bool) -> bytes:
    token = field(2, next_page_token.encode()) if next_page_token else b""
    return token + b"\x18\x01" if degraded else token
