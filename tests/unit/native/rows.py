"""Builds the packed columns that the extension takes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from daira_native import FeatureTable
from tests.oracles.feed import EPOCH_MS, Candidate


def i64(numbers: Iterable[int]) -> bytes:
    return _packed("q", tuple(numbers))


def i32(numbers: Iterable[int]) -> bytes:
    return _packed("i", tuple(numbers))


def u32(numbers: Iterable[int]) -> bytes:
    return _packed("I", tuple(numbers))


def u8(numbers: Iterable[int]) -> bytes:
    return _packed("B", tuple(numbers))


def i8(numbers: Iterable[int]) -> bytes:
    return _packed("b", tuple(numbers))


def f64(numbers: Iterable[float]) -> bytes:
    return _packed("d", tuple(numbers))


def unpack_ids(packed: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(packed) // 8}q", packed))


def decimal(ids: Iterable[int]) -> list[bytes]:
    return [b"%d" % post_id for post_id in ids]


def post_id(at_ms: int, low: int = 0) -> int:
    """An id made at Unix milliseconds `at_ms`."""
    return (at_ms - EPOCH_MS) << 22 | low


def load(table: FeatureTable, viewer_id: int, candidates: Sequence[Candidate]) -> None:
    """Put candidates of one viewer into the table."""
    table.upsert_posts(
        i64(post.post_id for post in candidates),
        i64(post.author_id for post in candidates),
        u8(post.kind for post in candidates),
        u32(post.likes for post in candidates),
        u32(post.reports for post in candidates),
    )
    by_author = {post.author_id: post for post in candidates}
    table.set_followers(i64(by_author), u32(post.followers for post in by_author.values()))
    table.set_affinities(
        i64(viewer_id for _ in by_author),
        i64(by_author),
        f64(post.weight for post in by_author.values()),
        i64(post.as_of_ms for post in by_author.values()),
    )


def _packed(code: str, numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)
