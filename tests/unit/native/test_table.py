"""The table's calls: what they take, refuse and answer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from daira_native import FeatureTable, RankSettings
from tests.oracles.feed import MAX_ID
from tests.unit.native.candidates import NOW_MS
from tests.unit.native.rows import decimal, f64, i8, i64, post_id, u8, u32, unpack_ids

AUTHOR, VIEWER = 11, 7
IDS = [post_id(NOW_MS - 1000 * age) for age in range(6)]


@pytest.fixture
def table() -> FeatureTable:
    """Six posts of one author, the first the newest."""
    table = FeatureTable(RankSettings(max_candidates=100, max_posts=1000, posts_per_author=50))
    zeros = u32([0] * 6)
    assert table.upsert_posts(i64(IDS), i64([AUTHOR] * 6), u8([1] * 6), zeros, zeros) == 6
    return table


@pytest.mark.parametrize(
    "change",
    [
        {"weights": (101, 0, 0, 0, 0)},
        {"freshness_half_life_s": 0.0},
        {"affinity_half_life_s": float("nan")},
        {"affinity_half_life_s": float("inf")},
        {"max_candidates": 0},
        {"max_posts": 0},
        {"posts_per_author": 0},
        {"posts_per_author": 10**9},
    ],
)
def test_bad_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RankSettings(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.upsert_posts(b"1234567", b"", b"", b"", b""),
        lambda table: table.upsert_posts(i64([1, 2]), i64([1]), u8([1, 1]), u32([0, 0]), u32([0, 0])),
        lambda table: table.set_affinities(i64([1]), i64([2]), f64([-1.0]), i64([0])),
        lambda table: table.set_affinities(i64([1]), i64([2]), f64([float("nan")]), i64([0])),
        lambda table: table.add_likes(i64([1]), i64([2]), i64([0]), i8([2])),
        lambda table: table.add_likes(i64([1]), i64([2]), i64([0]), i8([1]), i64([])),
        lambda table: table.rank(VIEWER, [], [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=0),
        lambda table: table.rank(VIEWER, [], [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=101),
        lambda table: table.rank(VIEWER, [], [1] * 101, NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=1),
        lambda table: table.rank(VIEWER, [b"1"] * 101, [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=1),
        lambda table: table.rank(VIEWER, [b"x"], [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=1),
        lambda table: table.missing([b""]),
        lambda table: table.missing([b"9223372036854775808"]),
        lambda table: table.latest(VIEWER, [], [], before_id=MAX_ID, limit=101),
    ],
)
def test_bad_arguments_are_refused_and_change_nothing(
    table: FeatureTable, call: Callable[[FeatureTable], object]
) -> None:
    before = table.checksum()
    with pytest.raises(ValueError, match=r"."):
        call(table)
    assert table.checksum() == before


def test_inboxes_hold_bytes(table: FeatureTable) -> None:
    with pytest.raises(TypeError):
        table.missing([1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        table.missing(b"123")  # type: ignore[arg-type]


def test_markers_repeats_and_disorder_of_an_inbox_do_not_matter(table: FeatureTable) -> None:
    inbox = [*decimal([IDS[3], IDS[0], IDS[3], IDS[1]]), b"-17", b"0", b"12345"]
    assert table.latest(VIEWER, inbox, [], before_id=MAX_ID, limit=9) == [IDS[0], IDS[1], IDS[3]]
    assert table.latest(VIEWER, tuple(inbox), [], before_id=IDS[0], limit=1) == [IDS[1]]
    assert table.missing(inbox) == [12345]


def test_ceiling_and_cap(table: FeatureTable) -> None:
    ranked = table.rank(VIEWER, [], [AUTHOR], NOW_MS, ceiling_id=IDS[1], candidate_cap=3, limit=2)
    assert unpack_ids(ranked.ids) == IDS[1:3]
    assert (ranked.candidates, ranked.floor_id) == (3, IDS[3])
    ranked = table.rank(VIEWER, [], [AUTHOR], NOW_MS, ceiling_id=IDS[1], candidate_cap=5, limit=9)
    assert (ranked.candidates, ranked.floor_id) == (5, 0), "nothing was left out"


def test_deleted_posts_are_gone_but_known(table: FeatureTable) -> None:
    assert table.delete_posts(i64([IDS[0], 999])) == 2
    assert table.delete_posts(i64([IDS[0]])) == 0
    assert table.author_posts(AUTHOR, before_id=MAX_ID, limit=2) == IDS[1:3]
    assert table.missing(decimal([IDS[0], 999, 1000])) == [1000]
    assert table.authors_of([IDS[0], IDS[1], 5]) == [AUTHOR, AUTHOR, 0]
    assert table.features(decimal([IDS[0]])) == bytes(32)
    assert table.stats()["deleted"] == 2


def test_features_are_packed(table: FeatureTable) -> None:
    table.set_followers(i64([AUTHOR]), u32([40]))
    table.add_likes(i64([VIEWER]), i64([IDS[2]]), i64([NOW_MS]), i8([1]))
    table.add_reports(i64([IDS[2]]), i8([3]))
    row = struct.pack("<qqIIIB3x", IDS[2], AUTHOR, 1, 3, 40, 1)
    assert table.features(decimal([5, IDS[2]])) == bytes(32) + row


def test_counters_do_not_fall_below_zero(table: FeatureTable) -> None:
    before = table.checksum()
    assert table.add_likes(i64([VIEWER, VIEWER]), i64([IDS[0], 5]), i64([1, 1]), i8([-1, -1])) == 1
    assert table.add_reports(i64([IDS[0]]), i8([-1])) == 1
    table.add_followers(i64([AUTHOR]), struct.pack("<i", -1))
    assert table.checksum() == before


def test_the_oldest_make_way() -> None:
    table = FeatureTable(RankSettings(max_posts=4))
    zeros = u32([0] * 6)
    table.upsert_posts(i64(IDS), i64([AUTHOR] * 6), u8([1] * 6), zeros, zeros)
    stats = table.stats()
    assert (stats["posts"], stats["evicted_to"]) == (4, IDS[4])
    assert table.author_posts(AUTHOR, before_id=MAX_ID, limit=9) == IDS[:4]


def test_readers_and_a_writer_at_once(table: FeatureTable) -> None:
    def read(_: int) -> bool:
        ranked = table.rank(VIEWER, decimal(IDS), [AUTHOR], NOW_MS, ceiling_id=MAX_ID, candidate_cap=90, limit=90)
        return set(IDS[1:]) <= set(unpack_ids(ranked.ids))

    def write(round_: int) -> bool:
        made = i64([post_id(NOW_MS - 1000, 1 + round_)])
        table.upsert_posts(made, i64([AUTHOR]), u8([0]), u32([0]), u32([0]))
        table.add_likes(i64([VIEWER]), i64([IDS[1]]), i64([NOW_MS]), i8([1]))
        return table.delete_posts(made) == 1

    with ThreadPoolExecutor(4) as pool:
        reads = pool.map(read, range(300))
        writes = pool.map(write, range(300))
        assert all(reads)
        assert all(writes)
    assert struct.unpack_from("<I", table.features(decimal([IDS[1]])), 16) == (300,)
