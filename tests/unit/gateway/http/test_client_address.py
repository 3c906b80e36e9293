"""Whom a request comes from: nobody writes an address for themselves."""

from __future__ import annotations

import pytest

from gateway.http.client_address import client_address

PEER, CLIENT, SPOOF, INNER = "10.0.0.9", "197.32.1.7", "8.8.8.8", "10.0.0.5"


@pytest.mark.parametrize(
    ("forwarded", "trusted", "expected"),
    [
        ("", 0, PEER),
        (SPOOF, 0, PEER),
        (f"{SPOOF}, {CLIENT}", 0, PEER),
        (CLIENT, 1, CLIENT),
        (f"{SPOOF}, {CLIENT}", 1, CLIENT),
        (f"{SPOOF},{SPOOF},{CLIENT},{INNER}", 2, CLIENT),
        ("2001:db8::7", 1, "2001:db8::7"),
        # Fewer entries than proxies: it did not come through them.
        ("", 1, PEER),
        (SPOOF, 2, PEER),
        ("unknown", 1, PEER),
        (f"{CLIENT}, ", 1, PEER),
        ("197.32.1.7\n197.32.1.8", 1, PEER),
    ],
)
def test_the_client_is_who_the_outermost_trusted_proxy_saw(forwarded: str, trusted: int, expected: str) -> None:
    assert client_address(PEER, forwarded, trusted) == expected
