"""The terminal: prefixes in line, colours on demand, chatter between services left out."""

from __future__ import annotations

import io

import pytest

from dev.supervisor.console import Console

CHATTER = "2026-01-01T00:00:00Z [info     ] rpc          caller=analytics code=OK method=/a.B/ListEvents ms=1"


def test_prefixes_stand_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    out = io.StringIO()
    console = Console(["auth", "payments-relay"], out)
    console.line("auth", "one")
    console.line("payments-relay", "two")
    console.system("three")
    assert len({line.index("|") for line in out.getvalue().splitlines()}) == 1
    assert "\x1b" not in out.getvalue()


def test_colours_on_demand_and_never_against_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert Console([], io.StringIO()).colours
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Console([], io.StringIO()).colours


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (CHATTER, False),
        (CHATTER.replace("code=OK", "code=UNAVAILABLE"), True),
        (CHATTER.replace("caller=analytics", "caller=None"), True),
        ("2026-01-01T00:00:00Z [info     ] ready          service=auth", True),
    ],
)
def test_successful_calls_between_services_are_left_out(line: str, *, shown: bool) -> None:
    out = io.StringIO()
    Console(["auth"], out).line("auth", line)
    assert bool(out.getvalue()) is shown
    everything = io.StringIO()
    Console(["auth"], everything, everything=True).line("auth", line)
    assert everything.getvalue()


def test_a_reader_that_left_is_no_error() -> None:
    out = io.StringIO()
    console = Console([], out)
    out.close()
    console.system("still going")
