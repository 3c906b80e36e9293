"""Keeps Python's cycle collector from stopping calls: what a process starts with is never looked at again."""

from __future__ import annotations

import gc
from typing import Final

# Calls leave next to no cycles behind: reference counts free what they make. By default the youngest objects are looked
# at whenever there are 700 more than before, which a few calls at once are.
_YOUNG: Final = 20_000
_ROUNDS: Final = 20


def settle() -> None:
    """Call once all modules are imported and before the first call.

    Modules, classes and descriptors, some hundred thousand objects, are moved out of the collector's sight: a full
    collection stops all calls, and now has only what came since to look at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _ROUNDS, _ROUNDS)
