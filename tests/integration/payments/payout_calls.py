"""PayoutService as people call it, and a runner of sagas that is a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc.aio

from daira.payments.v1 import payout_service_pb2 as pb
from daira.payments.v1 import payout_service_pb2_grpc
from dev import child
from tests.integration.payments.processes import PaymentsProcess, StandInAuth
from tests.stores import ROOT

IBAN = "EG380019000500000000263180002"


class PayoutCaller:
    """One signed-in person calling PayoutService; `claims` change their token."""

    def __init__(self, channel: grpc.aio.Channel, auth: StandInAuth, user_id: int, **claims: Any) -> None:
        self.user_id = user_id
        self.metadata = (("authorization", f"Bearer {auth.token(user_id, **claims)}"),)
        self.stub = payout_service_pb2_grpc.PayoutServiceStub(channel)

    async def add(self, account: str = IBAN, network: str = "iban") -> pb.PayoutDestination:
        """A destination of this person."""
        request = pb.AddPayoutDestinationRequest(
            network=network, account=account, holder_name="منى أحمد السيد", national_id="29805150102345"
        )
        response: pb.AddPayoutDestinationResponse = await self.stub.AddPayoutDestination(
            request, metadata=self.metadata, timeout=20
        )
        return response.destination

    async def request(self, destination_id: int, amount: int, key: str) -> pb.Payout:
        """A payout."""
        request = pb.RequestPayoutRequest(destination_id=destination_id, amount_piastres=amount, idempotency_key=key)
        response: pb.RequestPayoutResponse = await self.stub.RequestPayout(request, metadata=self.metadata, timeout=20)
        return response.payout

    async def cancel(self, payout_id: int) -> pb.Payout:
        """Take it back."""
        response: pb.CancelPayoutResponse = await self.stub.CancelPayout(
            pb.CancelPayoutRequest(payout_id=payout_id), metadata=self.metadata, timeout=20
        )
        return response.payout

    async def get(self, payout_id: int) -> pb.Payout:
        """Look at it."""
        response: pb.GetPayoutResponse = await self.stub.GetPayout(
            pb.GetPayoutRequest(payout_id=payout_id), metadata=self.metadata, timeout=20
        )
        return response.payout

    async def until(self, payout_id: int, state: pb.PayoutState.ValueType) -> pb.Payout:
        """The payout once it is in a state; fails after half a minute."""
        for _ in range(600):
            payout = await self.get(payout_id)
            if payout.state == state:
                return payout
            await asyncio.sleep(0.05)
        raise AssertionError(f"it is {payout.state}: {payout.reason}")

    async def know(self, user_id: int, level: int = 1) -> None:
        """Say how well somebody is known."""
        request = pb.SetIdentityLevelRequest(user_id=user_id, level=level, reason="case 12")
        await self.stub.SetIdentityLevel(request, metadata=self.metadata, timeout=20)


@contextlib.contextmanager
def saga_runner(payments: PaymentsProcess, log: Path, **settings: str) -> Iterator[None]:
    """`python -m services.payments.workers.sagas` on the database of a payments process."""
    environment = {**os.environ, **payments.environment, "PAYMENTS_SAGA_POLL_S": "0.05", **settings}
    with log.open("ab") as output:
        process = child.spawn(
            [sys.executable, "-m", "services.payments.workers.sagas"],
            log=output,
            death_signal=signal.SIGKILL,
            env=environment,
            cwd=ROOT,
        )
    try:
        yield
    finally:
        child.end(process, [(signal.SIGTERM, 10.0)])
