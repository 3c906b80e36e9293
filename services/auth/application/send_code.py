"""Sends a one-time code, within its budgets; known and unknown numbers take the same road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.auth.application.code_ports import (
    Asking,
    BudgetCharge,
    BudgetSpent,
    CodeMint,
    CodeRequests,
    Codes,
    NewFlow,
    OpenedFlow,
    PhoneReader,
    Shares,
)
from services.auth.domain.code_budgets import Charge, CodeBudgets, Scope
from services.auth.domain.codes import CodePurpose, CodeRules
from services.auth.domain.device import digest_of, read_device_id
from services.chassis.clock import Clock
from services.chassis.errors import exhausted, unavailable

_ALARMING: Final = frozenset({Scope.NEW_NUMBERS, Scope.PROVED_NUMBERS})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A flow whose code is on its way. Times are in UTC."""

    flow_token: str = field(repr=False)
    expires_at: datetime
    resend_at: datetime


class SendCode:
    """The use case. Its answer is the same for every number, with an account or without.

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
        requests: CodeRequests,
        *,
        is_open: bool,
    ) -> None:
        self._reader = reader
        self._codes = codes
        self._mint = mint
        self._budgets = budgets
        self._rules = rules
        self._clock = clock
        self._requests = requests
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
        asking = Asking(
            device_digest=digest_of(device_id),
            familiar=self._hidden(self._budgets.charges(phone, device_id, network, is_familiar=True)),
            strange=self._hidden(self._budgets.charges(phone, device_id, network, is_familiar=False)),
        )
        shares = Shares(
            proved=self._hidden(self._budgets.shares(phone, is_proved=True)),
            new=self._hidden(self._budgets.shares(phone, is_proved=False)),
        )
        opened = await self._codes.open(flow, phone, self._mint.new_message(phone, code), asking, shares)
        self._watch(opened)
        if isinstance(opened, BudgetSpent):
            wait_ms = max(1, opened.wait // timedelta(milliseconds=1))
            raise exhausted("too many codes were sent", wait_ms, "CODE_LIMIT_REACHED")
        return CodeSent(token, opened.expires_at, opened.made_at + self._budgets.resend_after)

    def _hidden(self, charges: Sequence[Charge]) -> Sequence[BudgetCharge]:
        return [BudgetCharge(self._mint.budget_subject(charge), charge) for charge in charges]

    def _watch(self, opened: OpenedFlow | BudgetSpent) -> None:
        """Tell operators which budget is spent, which askers are not to know."""
        spent = opened if isinstance(opened, BudgetSpent) else opened.withheld
        if spent is not None:
            scope = spent.charge.scope
            # The breaker: codes that people asked for in good order are not sent.
            level = _log.error if scope in _ALARMING else _log.info
            level("code_budget_spent", scope=scope.name.lower(), window_s=spent.charge.window.total_seconds())
            self._requests.ended(scope.name.lower())
        elif isinstance(opened, OpenedFlow):
            self._requests.ended("repeated" if opened.is_repeat else "accepted")
            for use in opened.uses:
                if use.charge.scope in _ALARMING:
                    self._requests.used(use)
