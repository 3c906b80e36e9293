"""The feature table, feed ranking and JSON plans of DAIRA, in Rust; a build older than its sources is refused."""

from __future__ import annotations

from pathlib import Path

from daira_native._freshness import refuse_stale
from daira_native._native import (
    FeatureTable,
    JsonPlan,
    RankedFeed,
    RankSettings,
    fold_words,
    hide_muted,
    seen_bits,
    seen_build,
    seen_contains,
    source_hash,
)

refuse_stale(source_hash(), Path(__file__).resolve().parents[2])

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
