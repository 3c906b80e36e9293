"""CodeService put together: one-time codes within their budgets."""

from __future__ import annotations

from datetime import timedelta

from daira.auth.v1 import code_service_pb2, code_service_pb2_grpc
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.postgres.codes import PostgresCodes
from services.auth.adapters.postgres.sandbox_inbox import PostgresSandboxInbox
from services.auth.application.redeem_code import RedeemCode
from services.auth.application.send_code import SendCode
from services.auth.composition.factors import FactorParts
from services.auth.composition.part import Ground, Part
from services.auth.config import CodeSettings
from services.auth.domain.code_budgets import CodeBudgets
from services.auth.domain.codes import CodeRules
from services.auth.rpc.code_servicer import CodeServicer


class CodeParts:
    """What every flow of codes is made of, whatever the code is for."""

    def __init__(self, ground: Ground) -> None:
        settings = ground.settings.codes
        self.codes, self.mint = PostgresCodes(ground.pool), CodeMint(ground.root_key)
        self.rules = CodeRules()
        self.send = SendCode(
            ground.reader,
            self.codes,
            self.mint,
            _budgets(settings),
            self.rules,
            ground.clock,
            ground.code_requests,
            is_open=settings.provider != "closed",
        )


def codes_part(ground: Ground, factors: FactorParts) -> Part:
    """The part."""
    clock, parts = ground.clock, CodeParts(ground)
    codes, mint, rules = parts.codes, parts.mint, parts.rules
    redeem = RedeemCode(codes, mint, ground.mint, factors.second, ground.opener, rules, clock)
    return Part(
        code_service_pb2.DESCRIPTOR.services_by_name["CodeService"],
        code_service_pb2_grpc.add_CodeServiceServicer_to_server,
        CodeServicer(parts.send, redeem, ground.devices),
        chores=(
            # A flow is kept for as long as its key may be repeated.
            (codes.purge_flows, timedelta(days=1)),
            (codes.purge_budgets, timedelta()),
            (PostgresSandboxInbox(ground.pool, clock).purge, timedelta(days=1)),
        ),
    )


def _budgets(settings: CodeSettings) -> CodeBudgets:
    return CodeBudgets(
        number_minute=settings.number_minute,
        number_hour=settings.number_hour,
        number_day=settings.number_day,
        number_source_hour=settings.number_source_hour,
        number_reserved_percent=settings.number_reserved_percent,
        network_hour=settings.network_hour,
        block_hour=settings.block_hour,
        everybody_hour=settings.everybody_hour,
        everybody_day=settings.everybody_day,
        proved_percent=settings.proved_percent,
    )
