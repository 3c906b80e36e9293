"""What other services hold about people, for tests of exports: a lot, away, or cut off in the middle of a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc.aio

from daira.privacy.v1 import personal_data_service_pb2_grpc
from services.chassis.errors import unavailable
from services.personal_data.pages import Keys, PersonalData, PersonalPage, PersonalSections, Row, Section
from services.personal_data.servicer import PersonalDataServicer


def posts(count: int) -> PersonalSections:
    """So many posts of everybody, numbered from 1."""

    async def fetch(_user_id: int, after: Keys, limit: int) -> Sequence[Row]:
        numbers = range(after[0] + 1, min(after[0] + limit, count) + 1)
        return [((number,), {"id": number, "body": f"بوست رقم {number}"}) for number in numbers]

    return PersonalSections([Section("post", 1, fetch)])


class Away:
    """A service that is away until `back`."""

    def __init__(self, held: PersonalData) -> None:
        self.held = held
        self.back = False
        self.asked = 0

    async def page(self, user_id: int, token: str, size: int) -> PersonalPage:
        self.asked += 1
        if not self.back:
            raise unavailable("away", "SERVICE_UNAVAILABLE")
        return await self.held.page(user_id, token, size)


class Cut:
    """A service in the middle of whose pages the asking maker dies: at those numbered from 1."""

    def __init__(self, held: PersonalData, *cuts: int) -> None:
        self.held = held
        self.cuts = cuts
        self.asked = 0

    async def page(self, user_id: int, token: str, size: int) -> PersonalPage:
        self.asked += 1
        page = await self.held.page(user_id, token, size)
        if self.asked in self.cuts:
            raise asyncio.CancelledError
        return page


@asynccontextmanager
async def served(held: PersonalData) -> AsyncIterator[str]:
    """The address of a server of it."""
    server = grpc.aio.server()
    personal_data_service_pb2_grpc.add_PersonalDataServiceServicer_to_server(PersonalDataServicer(held), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
