"""The tables of social that have a partition a day, beside the event log, which has its own."""

from __future__ import annotations

from typing import Final

from services.chassis.partitions import DailyTable

POSTS: Final = DailyTable("posts", key="id")
# What was seen counts for seven days, and the first of them is there in part.
IMPRESSIONS: Final = DailyTable("impressions", column="seen_at", kept_days=8)
DAILY_TABLES: Final = (POSTS, IMPRESSIONS)
