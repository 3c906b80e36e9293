"""The database goes away under the payments process: money fails closed, and goes on when it is back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import grpc
import grpc.aio
import pytest

from daira.payments.v1 import payments_service_pb2 as pb
from dev.stores.postgres_server import EmbeddedPostgres
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from tests.integration.payments.processes import Caller, PaymentsProcess, StandInAuth, reason_of
from tests.stores import ROOT

pytestmark = pytest.mark.faults


async def test_away_is_unavailable_and_back_is_right(
    killable_postgres: EmbeddedPostgres, stand_in_auth: StandInAuth, log_of: Path
) -> None:
    process = PaymentsProcess(killable_postgres.url, stand_in_auth, log_of)
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.payments.migrate"],
        env=process.environment,
        cwd=ROOT,
        check=True,
    )
    await asyncio.to_thread(process.start)
    try:
        async with grpc.aio.insecure_channel(process.address) as channel:
            fan = Caller(channel, stand_in_auth, 51)
            await fan.top_up(5_000, "a")
            first = await fan.tip(52, 500, "before")
            await asyncio.to_thread(killable_postgres.kill)
            for call in (fan.wallet(), fan.tip(52, 500, "during"), fan.top_up(700, "b"), fan.entries()):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                assert reason_of(caught.value) == "STORE_UNAVAILABLE"
            await asyncio.to_thread(killable_postgres.start)
            again = await when_back(fan)
            assert again.amount_piastres == 500
            assert (await fan.tip(52, 500, "before")).SerializeToString() == first.SerializeToString()
            assert (await fan.top_up(700, "b")).state == pb.TOP_UP_STATE_SUCCEEDED
            assert await fan.wallet() == 5_000 - 500 - 500 + 700
        connection = await asyncpg.connect(killable_postgres.url)
        assert await check_ledger(connection) == []
        await connection.close()
    finally:
        process.stop()


async def when_back(fan: Caller) -> pb.SendTipResponse:
    async with asyncio.timeout(30):
        while True:
            try:
                return await fan.tip(52, 500, "during")
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.1)
