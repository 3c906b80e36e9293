"""Chooses the port of each thing: the one named by hand, its usual one, or a free one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dev.errors import DevError
from dev.ports import PortClaims, free_port, owner_of
from dev.settings import DEFAULT_PORTS

ATTEMPTS = 100


def plan_ports(names: Iterable[str], named: Mapping[str, int], claims: PortClaims) -> tuple[dict[str, int], list[str]]:
    """Ports by setting name, each claimed, and a sentence for each that is not the usual one.

    Raises DevError naming the owner when a port that the person named is taken: they count on that very port.
    """
    ports: dict[str, int] = {}
    told: list[str] = []
    taken: list[str] = []
    for name in names:
        wanted = named.get(name, DEFAULT_PORTS[name])
        if wanted not in ports.values() and claims.take(wanted):
            ports[name] = wanted
        elif name in named:
            taken.append(f"{name}={wanted} is taken by {owner_of(wanted)}")
        else:
            ports[name] = _unused(ports, named, claims)
            told.append(f"{name}: {wanted} is taken by {owner_of(wanted)}; using {ports[name]}")
    if taken:
        raise DevError("\n".join(taken) + ".", "Stop that process, or name another port.")
    return ports, told


def _unused(ports: Mapping[str, int], named: Mapping[str, int], claims: PortClaims) -> int:
    spoken_for = {*ports.values(), *named.values(), *DEFAULT_PORTS.values()}
    for _ in range(ATTEMPTS):
        port = free_port()
        if port not in spoken_for and claims.take(port):
            return port
    raise DevError("No free port was found.", "End processes that listen on many ports.")
