"""The network a call comes from, as far as the gateway tells."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

_HEADER: Final = "x-forwarded-for"
# What one household or one office has: less would be one device of many, more a whole provider.
_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 48


def caller_network(context: Any) -> str:
    """The /24 or /48 of the address in the call's metadata, such as "197.32.1.0/24"; "" when there is none.

    The last address counts: it was added by the gateway, while those before it are anybody's word.
    """
    values = [value for key, value in context.invocation_metadata() or () if key == _HEADER]
    return network_of(str(values[-1]).rsplit(",", 1)[-1].strip()) if values else ""


def network_of(address: str) -> str:
    """The /24 or /48 around an address; "" for what is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    prefix = _IPV4_PREFIX if isinstance(parsed, ipaddress.IPv4Address) else _IPV6_PREFIX
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
