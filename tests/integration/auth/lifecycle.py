"""A person's own account and admins of others', for tests: sign-ins with two factors, codes as they are received."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from daira.auth.v1 import account_service_pb2 as pb
from daira.auth.v1 import account_service_pb2_grpc, admin_service_pb2_grpc
from daira.auth.v1 import auth_service_pb2 as auth_pb
from services.auth.adapters.code_carrier import CodeCarrier, SandboxEmail
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.export_seal import ExportSeal
from services.auth.adapters.postgres.code_outbox import PostgresCodeOutbox
from services.auth.adapters.postgres.export_jobs import PostgresExportJobs
from services.auth.adapters.postgres.personal_data import auth_data
from services.auth.adapters.postgres.sandbox_inbox import PostgresSandboxInbox, read_inbox
from services.auth.application.deliver_codes import DeliverCodes
from services.auth.application.make_exports import MakeExports
from services.auth.domain.assurance import Role
from services.auth.grant_role import grant
from services.personal_data.pages import PersonalData, PersonalSections
from tests.integration.auth.codes import Codes, code_in
from tests.integration.auth.server import KEK, Running, bearer

MONA, TAREK, SALMA = "mona@example.com", "tarek@example.com", "salma@example.com"
OLD, OLD_E164 = "01001234567", "+201001234567"
NEW, NEW_E164 = "٠١١١٢٣٤٥٦٧٨", "+201112345678"
GRACE_S = 30 * 86_400


class Person:
    """Somebody with tokens."""

    def __init__(self, user_id: int, tokens: auth_pb.TokenPair) -> None:
        self.user_id = user_id
        self.tokens = tokens

    @property
    def bearer(self) -> list[tuple[str, str]]:
        return bearer(self.tokens.access_token)


class Lifecycle:
    """AccountService and AdminService of a running auth."""

    def __init__(self, auth: Running, url: str) -> None:
        self.auth = auth
        self.url = url
        self.own = account_service_pb2_grpc.AccountServiceStub(auth.channel)
        self.admin = admin_service_pb2_grpc.AdminServiceStub(auth.channel)
        self.codes = Codes(auth)
        self._keys = 0

    async def register(self, name: str = MONA) -> Person:
        registered = await self.auth.register(name, key="key-1")
        return Person(registered.user_id, registered.tokens)

    async def with_role(self, name: str, role: Role) -> Person:
        """Somebody whose session has two factors and a role."""
        person = await self.register(name)
        assert await grant(self.url, person.user_id, role)
        await self.auth.pool.execute("UPDATE sessions SET methods = 5, level = 2 WHERE user_id = $1", person.user_id)
        person.tokens = await self.auth.refresh(person.tokens.refresh_token)
        return person

    async def begin_phone(self, person: Person, phone: str = NEW, key: str = "") -> pb.BeginPhoneChangeResponse:
        self._keys += 1
        request = pb.BeginPhoneChangeRequest(phone=phone, idempotency_key=key or f"change-{self._keys}")
        response: pb.BeginPhoneChangeResponse = await self.own.BeginPhoneChange(request, metadata=person.bearer)
        return response

    async def confirm_phone(self, person: Person, flow: str, code: str) -> str:
        request = pb.ConfirmPhoneChangeRequest(flow_token=flow, code=code)
        response: pb.ConfirmPhoneChangeResponse = await self.own.ConfirmPhoneChange(request, metadata=person.bearer)
        return response.masked_phone

    async def received(self, to: str = NEW_E164) -> str:
        """Deliver what is due and read the newest code that was sent there."""
        pool, clock = self.auth.pool, self.auth.clock
        inbox = PostgresSandboxInbox(pool, clock)
        carrier = CodeCarrier(inbox, SandboxEmail(inbox))
        sender = DeliverCodes(
            PostgresCodeOutbox(pool),
            carrier,
            CodeMint(KEK),
            "",
            timedelta(seconds=5),
            clock,
            self.codes.outcomes.append,
        )
        while await sender.deliver_due():
            pass
        return code_in((await read_inbox(pool, to, 1))[0].body)

    async def export(self, person: Person) -> list[dict[str, Any]]:
        """Ask for a copy, have it made of what auth holds, and read the lines of all of it."""
        asked = await self.own.RequestExport(pb.RequestExportRequest(), metadata=person.bearer)
        maker = maker_of(self.auth, {})
        while await maker.work():
            pass
        return await self.lines(person, asked.export_id)

    async def lines(self, person: Person, export_id: int) -> list[dict[str, Any]]:
        """All lines that an export has so far."""
        lines: list[dict[str, Any]] = []
        chunk, chunks = 0, 1
        while chunk < chunks:
            part = await self.own.GetExport(
                pb.GetExportRequest(export_id=export_id, chunk=chunk), metadata=person.bearer
            )
            assert part.data.endswith(b"\n"), "no line is cut through"
            lines += [json.loads(line) for line in part.data.splitlines()]
            chunk, chunks = chunk + 1, part.chunks
        return lines


def maker_of(auth: Running, others: Mapping[str, PersonalData]) -> MakeExports:
    """A maker of exports; a service that is not among the others holds nothing."""
    nothing = PersonalSections([])
    sources = {"auth": auth_data(auth.pool), "social": nothing, "payments": nothing, "analytics": nothing}
    return MakeExports(PostgresExportJobs(auth.pool), {**sources, **others}, ExportSeal(KEK), auth.clock)
