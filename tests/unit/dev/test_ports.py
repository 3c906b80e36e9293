"""Ports: a taken one is told with its owner when named by hand, and quietly replaced when not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import settings
from dev.errors import DevError
from dev.ports import PortClaims, free_port, is_free, owner_of
from dev.supervisor.port_plan import plan_ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[PortClaims]:
    made = PortClaims(tmp_path / "claims")
    yield made
    made.release()


def test_a_listener_is_seen_with_its_owner(taken_port: int) -> None:
    assert not is_free(taken_port)
    assert f"pid {os.getpid()} (" in owner_of(taken_port)


def test_a_named_port_that_is_taken_is_refused_with_its_owner(taken_port: int, claims: PortClaims) -> None:
    with pytest.raises(DevError, match=rf"GATEWAY_PORT={taken_port} is taken by pid {os.getpid()}"):
        plan_ports(["GATEWAY_PORT"], {"GATEWAY_PORT": taken_port}, claims)


def test_a_usual_port_that_is_taken_is_replaced_and_told(
    taken_port: int, claims: PortClaims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DEFAULT_PORTS, "GATEWAY_PORT", taken_port)
    ports, told = plan_ports(["GATEWAY_PORT"], {}, claims)
    assert ports["GATEWAY_PORT"] != taken_port
    assert is_free(ports["GATEWAY_PORT"])
    assert f"{taken_port} is taken by pid {os.getpid()}" in told[0]


def test_a_named_port_is_used(claims: PortClaims) -> None:
    port = free_port()
    assert plan_ports(["AUTH_PORT"], {"AUTH_PORT": port}, claims) == ({"AUTH_PORT": port}, [])


def test_two_runs_that_plan_at_once_get_different_ports(
    claims: PortClaims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DEFAULT_PORTS, "AUTH_PORT", free_port())
    first, _ = plan_ports(["AUTH_PORT"], {}, claims)
    second, _ = plan_ports(["AUTH_PORT"], {}, PortClaims(tmp_path / "claims"))
    assert first != second
