"""What a process starts with is out of the collector's sight, and what comes later is still collected."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from services.chassis import garbage_collector

class Node:
    pass

early = [Node() for _ in range(1000)]
garbage_collector.settle()
assert gc.get_freeze_count() > 1000
assert not any(isinstance(each, Node) for each in gc.get_objects())
late = Node()
late.itself = late
gone = weakref.ref(late)
del late
gc.collect()
assert gone() is None
"""


def test_full_collections_look_only_at_what_came_since() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
