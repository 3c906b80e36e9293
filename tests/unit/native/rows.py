"""Builds the packed columns that the extension takes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daira_native import FeatureTable
from tests.oracles.feed import EPOCH_MS, Candidate


class PostRow(NamedTuple):
    """A row of upsert_posts."""

    post_id: int
    author_id: int
    kind: int = 0
    likes: int = 0
    reposts: int = 0
    opens: int = 0
    impressions: int = 0
    report_trust: int = 0
    spam: int = 0
    original_id: int = 0


POST_CODES = "qqBIIIIIBq"


def i64(numbers: Iterable[int]) -> bytes:
    return packed("q", tuple(numbers))


def i32(numbers: Iterable[int]) -> bytes:
    return packed("i", tuple(numbers))


def u32(numbers: Iterable[int]) -> bytes:
    return packed("I", tuple(numbers))


def u8(numbers: Iterable[int]) -> bytes:
    return packed("B", tuple(numbers))


def f64(numbers: Iterable[float]) -> bytes:
    return packed("d", tuple(numbers))


def packed(code: str, numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def unpack_ids(packed: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(packed) // 8}q", packed))


def decimal(ids: Iterable[int]) -> list[bytes]:
    return [b"%d" % post_id for post_id in ids]


def post_id(at_ms: int, low: int = 0) -> int:
    """An id made at Unix milliseconds `at_ms`."""
    return (at_ms - EPOCH_MS) << 22 | low


def upsert(table: FeatureTable, posts: Sequence[PostRow]) -> int:
    """Put posts into the table; how many were new."""
    columns = [[row[at] for row in posts] for at in range(len(POST_CODES))]
    return table.upsert_posts(*(packed(code, column) for code, column in zip(POST_CODES, columns, strict=True)))


def count(
    table: FeatureTable,
    post_id: int,
    *,
    likes: int = 0,
    reposts: int = 0,
    opens: int = 0,
    impressions: int = 0,
    report_trust: int = 0,
) -> bool:
    """Change the counters of one post; whether it is known."""
    changes = (likes, reposts, opens, impressions, report_trust)
    return table.add_counts(i64([post_id]), *(i32([change]) for change in changes)) == 1


def interact(table: FeatureTable, viewer_id: int, author_id: int, at_ms: int, weight: float) -> None:
    """Add one interaction, or take it back."""
    table.add_interactions(i64([viewer_id]), i64([author_id]), i64([at_ms]), f64([weight]))


def relate(table: FeatureTable, viewer_id: int, other_id: int, bits: int, mask: int) -> None:
    """Set the bits of one relation that are in the mask."""
    table.set_relations(i64([viewer_id]), i64([other_id]), u8([bits]), u8([mask]))


def load(table: FeatureTable, viewer_id: int, candidates: Sequence[Candidate]) -> None:
    """Put candidates of one viewer into the table."""
    rows = [
        PostRow(
            post.post_id,
            post.author_id,
            post.kind,
            post.likes,
            post.reposts,
            post.opens,
            post.impressions,
            post.report_trust,
            post.spam,
        )
        for post in candidates
    ]
    upsert(table, rows)
    by_author = {post.author_id: post for post in candidates}
    table.set_affinities(
        i64(viewer_id for _ in by_author),
        i64(by_author),
        f64(post.weight for post in by_author.values()),
        i64(post.as_of_ms for post in by_author.values()),
    )
