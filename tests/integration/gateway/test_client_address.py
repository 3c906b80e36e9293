"""Services learn from the gateway alone where a person's request came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.integration.gateway.fake_world import World

SIGN_IN = 'mutation { signIn(input: {phone: "٠١٠٠١٢٣٤٥٦٧", password: "كلمة سر طويلة"}) { userId } }'
SPOOFED = [("x-forwarded-for", "8.8.8.8"), ("x-forwarded-for", "9.9.9.9, 197.32.1.7")]


async def told(url: str, world: World) -> str:
    async with httpx.AsyncClient(base_url=url) as http:
        await http.post("/graphql", json={"query": SIGN_IN}, headers=SPOOFED)
    return next(seen for seen in reversed(world.seen) if seen.method == "SignIn").metadata["x-forwarded-for"]


async def test_a_header_that_nobody_vouches_for_is_not_passed_on(
    start_gateway: Callable[..., Any], world: World
) -> None:
    url, _stop, _task = await start_gateway()
    assert await told(url, world) == "127.0.0.1"


async def test_behind_a_trusted_proxy_only_its_own_entry_counts(
    start_gateway: Callable[..., Any], world: World
) -> None:
    url, _stop, _task = await start_gateway(trusted_proxies=1)
    assert await told(url, world) == "197.32.1.7"
