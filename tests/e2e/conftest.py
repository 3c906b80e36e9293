"""Running platforms for the end-to-end tests: an empty one, and one with a real graph and real posts in it.

One at a time, for even an idle one takes a share of a small machine: every test here is of one xdist group, those on
the empty platform come last, one after the other, and it ends before any other test begins.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dev.demo import phrases_arabic
from dev.scratch_platform import ScratchPlatform

HERE = Path(__file__).parent
SEED = 2024
# Where the Reed98 friendships and the tweets are, if they are; the shape of the made-up stand-in is like theirs.
REAL_DATA = os.environ.get("DAIRA_TEST_DATA", "")
STAND_IN_PEOPLE = 300
STAND_IN_FRIENDS = 30
# Low enough that some authors of either graph are above it.
FAN_IN_THRESHOLD = 80


def graph_and_posts(folder: Path) -> tuple[Path, Path]:
    """The real files where DAIRA_TEST_DATA names them; else files of the same form, drawn from a seed."""
    if REAL_DATA:
        return Path(REAL_DATA) / "graphs/socfb_reed98.edges", Path(REAL_DATA) / "posts/arsarcasm_v2_training.csv"
    chance = random.Random(SEED)
    popularity = [1 / (person + 5) for person in range(STAND_IN_PEOPLE)]
    edges = {
        (max(a, b), min(a, b))
        for a in range(STAND_IN_PEOPLE)
        for b in chance.choices(range(STAND_IN_PEOPLE), popularity, k=STAND_IN_FRIENDS)
        if a != b
    }
    graph, posts = folder / "graph.edges", folder / "posts.csv"
    graph.write_text("".join(f"{a} {b}\n" for a, b in sorted(edges)), "utf-8")
    words = sorted({word for phrase in phrases_arabic.PHRASES for word in phrase.split() if "{" not in word})
    lines = [f'"{" ".join(chance.choices(words, k=chance.randint(3, 20)))} #{n}",FALSE,NEU,egypt' for n in range(6000)]
    posts.write_text("\n".join(["tweet,sarcasm,sentiment,dialect", *lines]) + "\n", "utf-8")
    return graph, posts


_empty = ExitStack()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Brings the tests of this folder into one group, and those on the empty platform to its end."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.xdist_group("platform"))
    # What ends every key's time comes last.
    ours.sort(key=lambda item: (_is_on_empty(item), "key_incident" in item.path.name))
    others = [item for item in items if HERE not in item.path.parents]
    items[:] = [*ours, *others]


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Ends the empty platform after the last test on it."""
    if nextitem is None or not _is_on_empty(nextitem):
        _empty.close()


def _is_on_empty(item: pytest.Item) -> bool:
    return "empty_platform" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def empty_platform() -> ScratchPlatform:
    """A platform with nobody in it but those whom tests sign up; all tests that want one share it."""
    return _empty.enter_context(ScratchPlatform.started(demo=False))


@pytest.fixture(scope="module")
def loaded_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchPlatform]:
    """A platform with the graph and the posts loaded and every projection caught up."""
    graph, posts = graph_and_posts(tmp_path_factory.mktemp("data"))
    settings = {"SOCIAL_FAN_IN_THRESHOLD": str(FAN_IN_THRESHOLD)}
    command = (sys.executable, "-m", "tests.e2e.lowered_border")
    with ScratchPlatform.started(demo=False, settings=settings, command=command) as platform:
        platform.daira("load", "--graph", str(graph), "--posts", str(posts), "--seed", str(SEED))
        asyncio.run(platform.settle())
        yield platform
