"""Sends a one-time code, within its budgets; known and unknown numbers take the same road."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services.auth.application.code_ports import (
    BudgetCharge,
    BudgetSpent,
    CodeMint,
    Codes,
    NewFlow,
    PhoneReader,
)
from services.auth.domain.code_budgets import CodeBudgets, Scope
from services.auth.domain.codes import CodePurpose, CodeRules
from services.auth.domain.device import read_device_id
from services.chassis.clock import Clock
from services.chassis.errors import exhausted, unavailable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A flow whose code is on its way. Times are in UTC."""

    flow_token: str = field(repr=False)
    expires_at: datetime
    resend_at: datetime


class SendCode:
    """The use case. It never looks for an account, so its answer cannot tell of one.

    A flow's token is derived from the request: a repeat answers the same and sends nothing.
    """

    def __init__(
        self,
        reader: PhoneReader,
        codes: Codes,
        mint: CodeMint,
        budgets: CodeBudgets,
        rules: CodeRules,
        clock: Clock,
        *,
        is_open: bool,
    ) -> None:
        self._reader = reader
        self._codes = codes
        self._mint = mint
        self._budgets = budgets
        self._rules = rules
        self._clock = clock
        self._is_open = is_open

    async def __call__(
        self, phone_text: str, purpose: CodePurpose, device_text: str, key: str, network: str
    ) -> CodeSent:
        """Open a flow; `network` is the caller's, "" when it is not known.

        AppError INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason CODE_LIMIT_REACHED; UNAVAILABLE, also when no provider is
        set.
        """
        phone = self._reader.read_phone(phone_text, "phone").value
        return await self.send_to(phone, purpose, read_device_id(device_text), key, network)

    async def send_to(self, phone: str, purpose: CodePurpose, device_id: str, key: str, network: str) -> CodeSent:
        """Open a flow to an E.164 phone or a normalised e-mail address, good only together with `device_id`.

        What is not the id of a device, such as "account:1", can be redeemed by no sign-in.

        AppError RESOURCE_EXHAUSTED, reason CODE_LIMIT_REACHED; UNAVAILABLE, also when no provider is set.
        """
        if not self._is_open:
            raise unavailable("no codes are sent here", "SERVICE_UNAVAILABLE")
        now = self._clock.now()
        token = self._mint.flow_token(purpose, phone, device_id, key)
        flow_hash, code = self._mint.hash_flow(token), self._mint.new_code()
        flow = NewFlow(
            flow_hash=flow_hash,
            device_hash=self._mint.hash_device(device_id),
            purpose=purpose,
            phone_sealed=self._mint.seal_phone(flow_hash, phone),
            code_hash=self._mint.hash_code(flow_hash, code),
            made_at=now,
            expires_at=now + self._rules.life,
        )
        charges = [
            BudgetCharge(self._mint.budget_subject(charge), charge) for charge in self._budgets.charges(phone, network)
        ]
        opened = await self._codes.open(flow, self._mint.new_message(phone, code), charges)
        if isinstance(opened, BudgetSpent):
            scope = opened.charge.scope
            # Which budget is for operators to know. Only the one of everybody is cause for alarm.
            level = _log.error if scope is Scope.EVERYBODY else _log.info
            level("code_budget_spent", scope=scope.name.lower(), window_s=opened.charge.window.total_seconds())
            wait_ms = max(1, opened.wait // timedelta(milliseconds=1))
            raise exhausted("too many codes were sent", wait_ms, "CODE_LIMIT_REACHED")
        return CodeSent(token, opened.expires_at, opened.made_at + self._budgets.resend_after)
