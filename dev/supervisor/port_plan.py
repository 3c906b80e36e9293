"""Chooses the port of each thing: the one named by hand, its usual one, or a free one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dev.errors import DevError
from dev.ports import free_port, is_free, owner_of
from dev.settings import DEFAULT_PORTS


def plan_ports(names: Iterable[str], named: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """Ports by setting name, and a sentence for each that is not the usual one.

    Raises DevError naming the owner when a port that the person named is taken: they count on that very port.
    """
    ports: dict[str, int] = {}
    told: list[str] = []
    taken: list[str] = []
    for name in names:
        wanted = named.get(name, DEFAULT_PORTS[name])
        if is_free(wanted) and wanted not in ports.values():
            ports[name] = wanted
        elif name in named:
            taken.append(f"{name}={wanted} is taken by {owner_of(wanted)}")
        else:
            ports[name] = _unused(ports, named)
            told.append(f"{name}: {wanted} is taken by {owner_of(wanted)}; using {ports[name]}")
    if taken:
        raise DevError("\n".join(taken) + ".", "Stop that process, or name another port.")
    return ports, told


def _unused(ports: Mapping[str, int], named: Mapping[str, int]) -> int:
    while (port := free_port()) in {*ports.values(), *named.values(), *DEFAULT_PORTS.values()}:
        pass
    return port
