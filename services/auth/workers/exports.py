"""The making of exports, put together: auth's own data, and channels to the services that hold the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import grpc.aio
from prometheus_client import Counter

from services.auth.adapters.export_seal import ExportSeal
from services.auth.adapters.postgres.export_jobs import PostgresExportJobs
from services.auth.adapters.postgres.personal_data import auth_data
from services.auth.application.make_exports import MakeExports
from services.chassis.client import ClientSettings, create_channel
from services.chassis.clock import Clock
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.service_identity import ServiceIdentity
from services.personal_data.client import PERSONAL_DATA_API, RpcPersonalData

# A page may have to be looked for in a column store; nobody waits for it.
_CALL: Final = ClientSettings(timeout_s=20.0)


class ExportMaking:
    """Makers of exports over one pool, with channels of their own to the `peers` by name."""

    def __init__(
        self,
        pool: PostgresPool,
        root_key: bytes,
        identity: ServiceIdentity,
        peers: Mapping[str, str],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        outcomes = Counter("daira_auth_export_steps", "Steps of exports.", ("outcome",), registry=metrics.registry)
        self._channels: dict[str, grpc.aio.Channel] = {
            service: create_channel(
                address, [PERSONAL_DATA_API], tokens=identity.tokens_for(service, clock), settings=_CALL
            )
            for service, address in peers.items()
        }
        sources = {service: RpcPersonalData(channel) for service, channel in self._channels.items()}
        self._make = MakeExports(
            PostgresExportJobs(pool),
            {"auth": auth_data(pool), **sources},
            ExportSeal(root_key),
            clock,
            lambda outcome: outcomes.labels(outcome).inc(),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Make what is due until `stop`."""
        await self._make.run(stop)

    async def work(self) -> bool:
        """One turn; whether there was an export to make. AppError UNAVAILABLE."""
        return await self._make.work()

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()
