# Types of the compiled module; stubtest holds them to it. Documentation: help(daira_native).
from collections.abc import Sequence
from typing import final

__all__ = [
    "FeatureTable",
    "JsonPlan",
    "RankSettings",
    "RankedFeed",
    "fold_words",
    "hide_muted",
    "seen_bits",
    "seen_build",
    "seen_contains",
    "source_hash",
]

@final
class RankSettings:
    def __new__(
        cls,
        *,
        weights: tuple[int, int, int, int, int] = (35, 35, 15, 10, 40),
        freshness_half_life_s: float = 43200.0,
        affinity_half_life_s: float = 2592000.0,
        max_candidates: int = 4096,
        max_posts: int = 2000000,
        posts_per_author: int = 1000,
    ) -> RankSettings: ...

@final
class RankedFeed:
    @property
    def ids(self) -> bytes: ...
    @property
    def originals(self) -> bytes: ...
    @property
    def sources(self) -> bytes: ...
    @property
    def window_floor(self) -> int: ...
    @property
    def newest_id(self) -> int: ...
    @property
    def seen_from(self) -> int: ...
    @property
    def candidates(self) -> int: ...
    @property
    def dropped(self) -> dict[str, int]: ...
    @property
    def nanoseconds(self) -> dict[str, int]: ...
    def terms(self, start: int, count: int) -> list[tuple[int, float, float, float, float, float, float]]: ...
    def __len__(self) -> int: ...

@final
class JsonPlan:
    def __new__(cls, root: tuple[object, ...]) -> JsonPlan: ...
    def render(
        self,
        message: bytes,
        before: bytes,
        behind: bytes,
        *,
        first: int = 0,
        after: tuple[str, int, int] | None = None,
    ) -> bytes: ...

@final
class FeatureTable:
    def __new__(cls, settings: RankSettings) -> FeatureTable: ...
    def upsert_posts(
        self,
        post_ids: bytes,
        author_ids: bytes,
        kinds: bytes,
        likes: bytes,
        reposts: bytes,
        opens: bytes,
        impressions: bytes,
        report_trust: bytes,
        spams: bytes,
        original_ids: bytes,
    ) -> int: ...
    def delete_posts(self, post_ids: bytes) -> int: ...
    def set_followers(self, author_ids: bytes, counts: bytes) -> None: ...
    def add_followers(self, author_ids: bytes, deltas: bytes) -> None: ...
    def set_private(self, author_ids: bytes, flags: bytes) -> None: ...
    def set_relations(self, viewer_ids: bytes, other_ids: bytes, bits: bytes, mask: bytes) -> None: ...
    def add_viewer_reports(self, viewer_ids: bytes, post_ids: bytes) -> None: ...
    def set_affinities(self, viewer_ids: bytes, author_ids: bytes, weights: bytes, as_of_ms: bytes) -> None: ...
    def add_interactions(self, viewer_ids: bytes, author_ids: bytes, at_ms: bytes, weights: bytes) -> None: ...
    def add_counts(
        self, post_ids: bytes, likes: bytes, reposts: bytes, opens: bytes, impressions: bytes, report_trust: bytes
    ) -> int: ...
    def rank(
        self,
        viewer_id: int,
        inbox: Sequence[bytes],
        authors: Sequence[int],
        now_ms: int,
        *,
        floor_id: int = 0,
        ceiling_id: int,
        shown: bytes = ...,
        seen: bytes = ...,
        candidate_cap: int = 800,
        limit: int,
    ) -> RankedFeed: ...
    def latest(
        self,
        viewer_id: int,
        inbox: Sequence[bytes],
        authors: Sequence[int],
        *,
        floor_id: int = 0,
        ceiling_id: int,
        before_id: int,
        candidate_cap: int = 800,
        limit: int,
    ) -> RankedFeed: ...
    def count_newer(
        self,
        viewer_id: int,
        inbox: Sequence[bytes],
        authors: Sequence[int],
        *,
        newer_than: int,
        limit: int = 100,
    ) -> int: ...
    def newest(self, inbox: Sequence[bytes], authors: Sequence[int], *, before_id: int, limit: int) -> list[int]: ...
    def hidden_authors(self, viewer_id: int) -> list[int]: ...
    def reported_posts(self, viewer_id: int) -> list[int]: ...
    def missing(self, inbox: Sequence[bytes]) -> list[int]: ...
    def features(self, inbox: Sequence[bytes]) -> bytes: ...
    def author_posts(self, author_id: int, *, before_id: int, limit: int) -> list[int]: ...
    def authors_of(self, post_ids: Sequence[int]) -> list[int]: ...
    def stats(self) -> dict[str, int]: ...
    def checksum(self) -> int: ...

def fold_words(phrase: str) -> str: ...
def hide_muted(posts: Sequence[bytes], words: Sequence[str]) -> list[bool]: ...
def seen_build(ids: bytes, capacity: int) -> bytes: ...
def seen_contains(seen: bytes, ids: bytes) -> list[bool]: ...
def seen_bits(size_in_bytes: int, ids: bytes) -> list[int]: ...
def source_hash() -> str: ...
