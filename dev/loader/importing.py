"""Brings a community into the databases of auth and social, through the bulk entry point that each service keeps."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import asyncpg

from dev.errors import DevError
from dev.loader.accounts import load_accounts
from dev.loader.batches import load_once, recorded
from dev.loader.community import Calendar, Community
from dev.loader.log_order import give_positions
from dev.loader.progress import Progress
from dev.loader.social_graph import load_graph, prepare_social
from services.chassis.postgres import PostgresConnection

CONNECT_PATIENCE_S = 30.0


@dataclass(frozen=True)
class ImportOrder:
    """What to import and where to: the batch's name, the span of its posts, and what draws it for a moment.

    `password` is of all its accounts: hashing one for each would take longer than everything else.
    """

    batch: str
    auth_url: str
    social_url: str
    days: int
    draw: Callable[[Calendar], Community]
    password: str


@dataclass(frozen=True)
class Outcome:
    """What an import did. `changed` is False when the batch was there already.

    `someone` is the phone of the person who follows most, to sign in as; empty when the batch was there already.
    """

    changed: bool
    counts: Mapping[str, int]
    anchor_ms: int
    someone: str = ""


async def import_community(order: ImportOrder, progress: Progress) -> Outcome:
    """Import once; an import that was cut short between the two databases goes on with the times it began with."""
    auth = await _connect(order.auth_url, "AUTH_DATABASE_URL")
    try:
        social = await _connect(order.social_url, "SOCIAL_DATABASE_URL")
        try:
            return await _import(order, auth, social, progress)
        finally:
            await social.close()
    finally:
        await auth.close()


async def _import(
    order: ImportOrder, auth: PostgresConnection, social: PostgresConnection, progress: Progress
) -> Outcome:
    in_auth, in_social = await recorded(auth, order.batch), await recorded(social, order.batch)
    if in_auth and in_social:
        return Outcome(changed=False, counts=in_social.counts, anchor_ms=in_social.anchor_ms)
    begun = in_auth or in_social
    anchor_ms = begun.anchor_ms if begun else time.time_ns() // 1_000_000
    progress.say("drawing people, follows, posts and likes …")
    community = order.draw(Calendar(now_ms=anchor_ms, days=order.days))

    async def into_auth(connection: PostgresConnection) -> Mapping[str, int]:
        return await load_accounts(connection, community, order.password, progress)

    async def into_social(connection: PostgresConnection) -> Mapping[str, int]:
        return await load_graph(connection, community, progress)

    if not in_auth:
        await give_positions(order.auth_url)
        await load_once(auth, order.batch, anchor_ms, into_auth)
    changed = False
    if not in_social:
        await prepare_social(social)
        await give_positions(order.social_url)
        changed = await load_once(social, order.batch, anchor_ms, into_social)
    after = await recorded(social, order.batch)
    return Outcome(
        changed=changed,
        counts=after.counts if after else {},
        anchor_ms=anchor_ms,
        someone=_keenest(community),
    )


def _keenest(community: Community) -> str:
    following = Counter(follow.follower_id for follow in community.follows).most_common(1)
    return next((person.phone for person in community.people if following and person.user_id == following[0][0]), "")


async def _connect(url: str, setting: str) -> PostgresConnection:
    try:
        return await asyncpg.connect(
            url, timeout=CONNECT_PATIENCE_S, server_settings={"application_name": "daira-load"}
        )
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise DevError(
            f"The database of {setting} does not answer: {error}.", "Start `daira run`, or correct the setting."
        ) from error
