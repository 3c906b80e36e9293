"""Whom a request comes from, as far as whoever stands in front can be believed."""

from __future__ import annotations

import ipaddress


def client_address(peer: str, forwarded: str, trusted_proxies: int) -> str:
    """The address of the client: `peer`, or what the outermost of so many trusted proxies says it was asked by.

    `forwarded` is the x-forwarded-for header, to which each proxy appends who asked it; what stands before the trusted
    ones' entries is anybody's word and not read. Where an entry is missing or no address, `peer` is the answer: then
    the request did not come the way that was told.
    """
    if trusted_proxies == 0:
        return peer
    entries = forwarded.split(",")
    if len(entries) < trusted_proxies:
        return peer
    try:
        return str(ipaddress.ip_address(entries[-trusted_proxies].strip()))
    except ValueError:
        return peer
