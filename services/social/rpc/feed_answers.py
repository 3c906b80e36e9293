"""Answers of FeedService written as bytes: posts are there as bytes already, and are not parsed to be written again."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from services.social.adapters.post_codec import field, varint
from services.social.application.feed.ports import Terms
from services.social.application.feed.position import Item, Page

# daira.social.v1.Ranking: six doubles, fields 1 to 6, each behind its tag.
_RANKING: Final = struct.Struct("<BdBdBdBdBdBd")


def home_feed_answer(page: Page, next_page_token: str) -> bytes:
    """A serialised daira.social.v1.GetHomeFeedResponse."""
    parts = [field(1, _item(item)) for item in page.items]
    parts.append(_end(next_page_token, degraded=page.degraded))
    seconds, milliseconds = divmod(page.ranked_at_ms, 1000)
    parts.append(field(4, b"\x08" + varint(seconds) + b"\x10" + varint(milliseconds * 1_000_000)))
    return b"".join(parts)


def author_timeline_answer(posts: Sequence[bytes], next_page_token: str, *, degraded: bool) -> bytes:
    """A serialised daira.social.v1.GetAuthorTimelineResponse."""
    return b"".join((*(field(1, post) for post in posts), _end(next_page_token, degraded=degraded)))


def _item(item: Item) -> bytes:
    written = field(1, item.post) + bytes((0x10, item.source))
    return written + field(3, _ranking(item.terms)) if item.terms else written


def _ranking(terms: Terms) -> bytes:
    affinity, quality, freshness, diversity, negative, score = terms
    return _RANKING.pack(0x09, affinity, 0x11, quality, 0x19, freshness, 0x21, diversity, 0x29, negative, 0x31, score)


def _end(next_page_token: str, *, degraded: bool) -> bytes:
    token = field(2, next_page_token.encode()) if next_page_token else b""
    return token + b"\x18\x01" if degraded else token
