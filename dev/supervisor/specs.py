"""How a process is described to the supervisor: what runs, after what, and how it shows that it is ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dev.errors import DevError


@dataclass(frozen=True)
class GrpcHealth:
    """Ready when `grpc.health.v1` answers SERVING at host:port."""

    address: str


@dataclass(frozen=True)
class HttpOk:
    """Ready when a GET of the URL answers 200."""

    url: str


@dataclass(frozen=True)
class ReadyEvent:
    """Ready when it logs an event named `ready`."""


@dataclass(frozen=True)
class Completed:
    """A task and no server: ready when it ended with code 0, and not started again."""


Readiness = GrpcHealth | HttpOk | ReadyEvent | Completed


@dataclass(frozen=True)
class ProcessSpec:
    """One process. `after` names those that must be ready before it starts."""

    name: str
    command: tuple[str, ...]
    ready: Readiness
    env: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()


def in_levels(specs: Iterable[ProcessSpec]) -> list[list[ProcessSpec]]:
    """The processes in the order they start: each level needs only levels before it. Raises DevError on a cycle."""
    waiting = {spec.name: spec for spec in specs}
    unknown = {name for spec in waiting.values() for name in spec.after} - waiting.keys()
    if unknown:
        raise DevError(
            f"The process table names unknown processes: {', '.join(sorted(unknown))}.", "Correct the table."
        )
    levels: list[list[ProcessSpec]] = []
    while waiting:
        level = [spec for spec in waiting.values() if not any(name in waiting for name in spec.after)]
        if not level:
            raise DevError(f"The process table has a cycle among {', '.join(waiting)}.", "Correct the table.")
        levels.append(level)
        for spec in level:
            del waiting[spec.name]
    return levels
