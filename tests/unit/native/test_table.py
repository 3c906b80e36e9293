"""The table's calls: what they take, refuse and answer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from daira_native import FeatureTable, RankSettings
from tests.oracles.feed import MAX_ID
from tests.unit.native.candidates import NOW_MS
from tests.unit.native.rows import (
    PostRow,
    count,
    decimal,
    f64,
    i32,
    i64,
    interact,
    post_id,
    relate,
    u8,
    u32,
    unpack_ids,
    upsert,
)

AUTHOR, VIEWER = 11, 7
IDS = [post_id(NOW_MS - 1000 * age) for age in range(6)]
ROWS = [PostRow(one, AUTHOR, kind=1) for one in IDS]
EMPTY_ROW = bytes(56)


@pytest.fixture
def table() -> FeatureTable:
    """Six posts of one author, the first the newest."""
    table = FeatureTable(RankSettings(max_candidates=100, max_posts=1000, posts_per_author=50))
    assert upsert(table, ROWS) == 6
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
        lambda table: table.upsert_posts(b"1234567", *[b""] * 9),
        lambda table: table.upsert_posts(i64([1, 2]), i64([1]), *[b""] * 8),
        lambda table: upsert(table, [PostRow(1, 2), PostRow(3, 4, spam=101)]),
        lambda table: table.set_affinities(i64([1]), i64([2]), f64([-1.0]), i64([0])),
        lambda table: table.set_affinities(i64([1]), i64([2]), f64([float("nan")]), i64([0])),
        lambda table: interact(table, 1, 2, 0, float("inf")),
        lambda table: table.add_interactions(i64([1]), i64([2]), i64([0]), f64([])),
        lambda table: table.add_counts(i64([IDS[0]]), i32([1]), *[b""] * 4),
        lambda table: table.set_private(i64([1, 2]), u8([1, 2])),
        lambda table: relate(table, 1, 2, 8, 8),
        lambda table: relate(table, 1, 2, 1, 9),
        lambda table: table.add_viewer_reports(i64([1]), b""),
        lambda table: table.rank(VIEWER, [], [], NOW_MS, ceiling_id=MAX_ID, shown=b"1234567", limit=1),
        lambda table: table.rank(VIEWER, [], [], NOW_MS, ceiling_id=MAX_ID, shown=bytes(8 * 101), limit=1),
        lambda table: table.count_newer(VIEWER, [b"1"] * 101, [], newer_than=0),
        lambda table: table.rank(VIEWER, [], [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=0),
        lambda table: table.rank(VIEWER, [], [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=101),
        lambda table: table.rank(VIEWER, [], [1] * 101, NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=1),
        lambda table: table.rank(VIEWER, [b"1"] * 101, [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=1),
        lambda table: table.rank(VIEWER, [b"x"], [], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=1),
        lambda table: table.missing([b""]),
        lambda table: table.missing([b"9223372036854775808"]),
        lambda table: table.latest(VIEWER, [], [], ceiling_id=MAX_ID, before_id=MAX_ID, candidate_cap=9, limit=101),
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
    assert table.newest(inbox, [], before_id=MAX_ID, limit=9) == [IDS[0], IDS[1], IDS[3]]
    assert table.newest(tuple(inbox), [], before_id=IDS[0], limit=1) == [IDS[1]]
    assert table.missing(inbox) == [12345]
    latest = table.latest(VIEWER, inbox, [], ceiling_id=MAX_ID, before_id=MAX_ID, candidate_cap=9, limit=9)
    assert unpack_ids(latest.ids) == [IDS[0], IDS[1], IDS[3]]
    assert latest.dropped["unknown"] == 1


def test_ceiling_floor_and_cap(table: FeatureTable) -> None:
    ranked = table.rank(VIEWER, [], [AUTHOR], NOW_MS, ceiling_id=IDS[1], candidate_cap=3, limit=2)
    assert unpack_ids(ranked.ids) == IDS[1:3]
    assert (ranked.candidates, ranked.window_floor, ranked.dropped["capped"]) == (3, IDS[3], 2)
    ranked = table.rank(VIEWER, [], [AUTHOR], NOW_MS, ceiling_id=IDS[1], candidate_cap=5, limit=9)
    assert (ranked.candidates, ranked.window_floor) == (5, 0), "nothing was left out"
    inbox = decimal(IDS)
    ranked = table.rank(VIEWER, inbox, [AUTHOR], NOW_MS, floor_id=IDS[4], ceiling_id=MAX_ID, candidate_cap=9, limit=9)
    assert (ranked.candidates, ranked.window_floor) == (5, IDS[4]), "the archive goes on below the inbox"


def test_deleted_posts_are_gone_but_known(table: FeatureTable) -> None:
    assert table.delete_posts(i64([IDS[0], 999])) == 2
    assert table.delete_posts(i64([IDS[0]])) == 0
    assert table.author_posts(AUTHOR, before_id=MAX_ID, limit=2) == IDS[1:3]
    assert table.missing(decimal([IDS[0], 999, 1000])) == [1000]
    assert table.authors_of([IDS[0], IDS[1], 5]) == [AUTHOR, AUTHOR, 0]
    assert table.features(decimal([IDS[0]])) == EMPTY_ROW
    assert table.stats()["deleted"] == 2


def test_features_are_packed(table: FeatureTable) -> None:
    table.set_followers(i64([AUTHOR]), u32([40]))
    counted = PostRow(IDS[2], AUTHOR, 1, likes=1, reposts=2, opens=3, impressions=4, report_trust=95, spam=6)
    assert upsert(table, [counted, PostRow(9, 8, kind=7, original_id=IDS[2])]) == 1
    assert count(table, IDS[2], likes=10, reposts=-1, opens=10, impressions=10, report_trust=-20)
    row = struct.pack("<qqqIIIIIIBB6x", IDS[2], AUTHOR, 0, 11, 1, 13, 14, 75, 40, 1, 6)
    repost = struct.pack("<qqqIIIIIIBB6x", 9, 8, IDS[2], 0, 0, 0, 0, 0, 0, 7, 0)
    assert table.features(decimal([5, IDS[2], 9])) == EMPTY_ROW + row + repost


def test_counters_do_not_fall_below_zero(table: FeatureTable) -> None:
    before = table.checksum()
    minus = i32([-1, -1])
    assert table.add_counts(i64([IDS[0], 5]), minus, minus, minus, minus, minus) == 1
    interact(table, VIEWER, AUTHOR, NOW_MS, -1.0)
    table.add_followers(i64([AUTHOR]), i32([-1]))
    assert table.checksum() == before


def test_only_the_bits_of_the_mask_change(table: FeatureTable) -> None:
    before = table.checksum()
    relate(table, VIEWER, AUTHOR, 0b101, 0b101)
    relate(table, VIEWER, AUTHOR, 0b000, 0b100)
    assert table.hidden_authors(VIEWER) == [AUTHOR]
    ranked = table.rank(VIEWER, [], [AUTHOR], NOW_MS, ceiling_id=MAX_ID, candidate_cap=9, limit=9)
    assert (len(ranked), ranked.dropped["hidden"]) == (0, 6)
    relate(table, VIEWER, AUTHOR, 0b111, 0b000)
    relate(table, VIEWER, AUTHOR, 0b000, 0b001)
    assert table.hidden_authors(VIEWER) == []
    assert table.checksum() == before


def test_the_newest_reports_of_a_viewer_are_kept(table: FeatureTable) -> None:
    for reported in range(1, 1102):
        table.add_viewer_reports(i64([VIEWER]), i64([reported]))
    assert table.reported_posts(VIEWER) == list(range(102, 1102))
    assert table.stats()["viewer_reports"] == 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda table: count(table, IDS[0], likes=1),
        lambda table: count(table, IDS[0], reposts=1),
        lambda table: count(table, IDS[0], opens=1),
        lambda table: count(table, IDS[0], impressions=1),
        lambda table: count(table, IDS[0], report_trust=1),
        lambda table: upsert(table, [ROWS[0]._replace(spam=1)]),
        lambda table: upsert(table, [ROWS[0]._replace(kind=2)]),
        lambda table: upsert(table, [ROWS[0]._replace(original_id=IDS[5])]),
        lambda table: upsert(table, [PostRow(5, AUTHOR)]),
        lambda table: table.delete_posts(i64([IDS[0]])),
        lambda table: table.set_private(i64([AUTHOR]), u8([1])),
        lambda table: table.add_followers(i64([AUTHOR]), i32([1])),
        lambda table: relate(table, VIEWER, AUTHOR, 4, 4),
        lambda table: table.add_viewer_reports(i64([VIEWER]), i64([IDS[0]])),
        lambda table: interact(table, VIEWER, AUTHOR, NOW_MS, 0.25),
    ],
)
def test_the_checksum_shows_every_difference(table: FeatureTable, change: Callable[[FeatureTable], object]) -> None:
    before = table.checksum()
    change(table)
    assert table.checksum() != before


def test_the_oldest_make_way() -> None:
    table = FeatureTable(RankSettings(max_posts=4))
    upsert(table, ROWS)
    stats = table.stats()
    assert (stats["posts"], stats["evicted_to"]) == (4, IDS[4])
    assert table.author_posts(AUTHOR, before_id=MAX_ID, limit=9) == IDS[:4]


def test_readers_and_a_writer_at_once(table: FeatureTable) -> None:
    def read(_: int) -> bool:
        ranked = table.rank(VIEWER, decimal(IDS), [AUTHOR], NOW_MS, ceiling_id=MAX_ID, candidate_cap=90, limit=90)
        return set(IDS[1:]) <= set(unpack_ids(ranked.ids))

    def write(round_: int) -> bool:
        made = post_id(NOW_MS - 1000, 1 + round_)
        upsert(table, [PostRow(made, AUTHOR)])
        count(table, IDS[1], likes=1)
        interact(table, VIEWER, AUTHOR, NOW_MS, 1.0)
        return table.delete_posts(i64([made])) == 1

    with ThreadPoolExecutor(4) as pool:
        reads = pool.map(read, range(300))
        writes = pool.map(write, range(300))
        assert all(reads)
        assert all(writes)
    assert struct.unpack_from("<I", table.features(decimal([IDS[1]])), 24) == (300,)
