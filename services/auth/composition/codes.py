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


def codes_part(ground: Ground, factors: FactorParts) -> Part:
    """The part."""
    settings, clock = ground.settings.codes, ground.clock
    codes, mint, rules = PostgresCodes(ground.pool), CodeMint(ground.key_encryption_key), CodeRules()
    servicer = CodeServicer(
        SendCode(
            ground.reader, codes, mint, code_budgets(settings), rules, clock, is_open=settings.provider != "closed"
        ),
        RedeemCode(codes, mint, ground.mint, factors.second, ground.opener, rules, clock),
        ground.devices,
    )
    return Part(
        code_service_pb2.DESCRIPTOR.services_by_name["CodeService"],
        code_service_pb2_grpc.add_CodeServiceServicer_to_server,
        servicer,
        chores=(
            # A flow is kept for as long as its key may be repeated.
            (codes.purge_flows, timedelta(days=1)),
            (codes.purge_budgets, timedelta()),
            (PostgresSandboxInbox(ground.pool, clock).purge, timedelta(days=1)),
        ),
    )


def code_budgets(settings: CodeSettings) -> CodeBudgets:
    """The budgets that the settings name."""
    return CodeBudgets(
        number_minute=settings.number_minute,
        number_hour=settings.number_hour,
        number_day=settings.number_day,
        network_hour=settings.network_hour,
        block_hour=settings.block_hour,
        everybody_hour=settings.everybody_hour,
        everybody_day=settings.everybody_day,
    )
