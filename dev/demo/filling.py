"""Fills an empty platform with the demo community: people and posts in bulk, money through the payments service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

import grpc

from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from daira.payments.v1 import payments_service_pb2, payments_service_pb2_grpc
from dev.banner import DemoSignIn
from dev.demo.community import SEED, VISITOR, Demo, draw_demo
from dev.endpoints import Endpoints
from dev.errors import DevError
from dev.loader.community import Calendar, Person
from dev.loader.importing import ImportOrder, import_community

BATCH = f"demo-{SEED}"
DAYS = 30
# Of made-up people on a person's own machine, and printed at every start.
DEMO_PASSWORD = "ahlan-daira"  # noqa: S105
TOP_UP_PIASTRES = 50_000
RPC_PATIENCE_S = 20.0
AT_ONCE = 4
Row = TypeVar("Row")


class _Quiet:
    """Progress for a fill that takes a few seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def track(self, label: str, rows: Iterable[Row], total: int) -> Iterable[Row]:
        """The rows, their number told once."""
        self.say(f"demo: {total:,} {label}")
        return rows


async def fill_demo(endpoints: Endpoints, say: Callable[[str], None]) -> DemoSignIn:
    """Fill the platform if it is not filled yet; the sign-in is the same every time."""
    urls = endpoints.store_urls
    order = ImportOrder(
        batch=BATCH,
        auth_url=urls["AUTH_DATABASE_URL"],
        social_url=urls["SOCIAL_DATABASE_URL"],
        days=DAYS,
        draw=lambda calendar: draw_demo(calendar).community,
        password=DEMO_PASSWORD,
    )
    outcome = await import_community(order, _Quiet(say))
    demo = draw_demo(Calendar(now_ms=outcome.anchor_ms, days=DAYS))
    try:
        await _give_tips(endpoints, demo, say)
    except grpc.aio.AioRpcError as error:
        raise DevError(
            f"The demo's tips were refused: {error.code().name}, {error.details()}.",
            "Start again; set DAIRA_DEMO=0 to start without the demo.",
        ) from error
    visitor = demo.community.people[VISITOR]
    return DemoSignIn(
        phone=visitor.phone,
        password=DEMO_PASSWORD,
        people=len(demo.community.people),
        posts=len(demo.community.posts),
    )


async def _give_tips(endpoints: Endpoints, demo: Demo, say: Callable[[str], None]) -> None:
    """Top up and tip as the people themselves would; keys are fixed, so a repeat after a crash pays nothing twice."""
    people = demo.community.people
    senders = sorted({tip.sender for tip in demo.tips})
    async with (
        grpc.aio.insecure_channel(endpoints.address("auth")) as auth_channel,
        grpc.aio.insecure_channel(endpoints.address("payments")) as payments_channel,
    ):
        auth = auth_service_pb2_grpc.AuthServiceStub(auth_channel)
        payments = payments_service_pb2_grpc.PaymentsServiceStub(payments_channel)
        visitor = await _sign_in(auth, people[VISITOR])
        history = await payments.ListWalletEntries(
            payments_service_pb2.ListWalletEntriesRequest(page_size=100), metadata=visitor, timeout=RPC_PATIENCE_S
        )
        # The visitor gives last: a wallet with the top-up and all the visitor's tips means that everybody gave.
        if len(history.entries) > sum(tip.sender == VISITOR for tip in demo.tips):
            return
        say(f"demo: {len(demo.tips)} tips")
        limit = asyncio.Semaphore(AT_ONCE)

        async def give(sender: int) -> None:
            async with limit:
                metadata = visitor if sender == VISITOR else await _sign_in(auth, people[sender])
                await payments.TopUp(
                    payments_service_pb2.TopUpRequest(
                        amount_piastres=TOP_UP_PIASTRES, idempotency_key=f"{BATCH}:top-up:{sender}"
                    ),
                    metadata=metadata,
                    timeout=RPC_PATIENCE_S,
                )
                for number, tip in enumerate(demo.tips):
                    if tip.sender != sender:
                        continue
                    request = payments_service_pb2.SendTipRequest(
                        recipient_id=people[tip.recipient].user_id,
                        amount_piastres=tip.amount_piastres,
                        post_id=tip.post_id,
                        idempotency_key=f"{BATCH}:tip:{number}",
                    )
                    await payments.SendTip(request, metadata=metadata, timeout=RPC_PATIENCE_S)

        await asyncio.gather(*(give(sender) for sender in senders if sender != VISITOR))
        await give(VISITOR)


async def _sign_in(auth: auth_service_pb2_grpc.AuthServiceAsyncStub, person: Person) -> tuple[tuple[str, str], ...]:
    request = auth_service_pb2.SignInRequest(
        identifier=auth_service_pb2.Identifier(phone=person.phone), password=DEMO_PASSWORD
    )
    answer = await auth.SignIn(request, timeout=RPC_PATIENCE_S)
    return (("authorization", f"Bearer {answer.tokens.access_token}"),)
