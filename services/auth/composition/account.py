"""AccountService and AdminService put together."""

from __future__ import annotations

from datetime import timedelta

from daira.auth.v1 import account_service_pb2, account_service_pb2_grpc, admin_service_pb2, admin_service_pb2_grpc
from services.auth.adapters.export_seal import ExportSeal
from services.auth.adapters.postgres.administration import PostgresAdministration
from services.auth.adapters.postgres.closing import PostgresClosing
from services.auth.adapters.postgres.exports import PostgresExports
from services.auth.adapters.postgres.four_eyes import PostgresFourEyes
from services.auth.adapters.postgres.names import PostgresNames
from services.auth.application.administer import Administer
from services.auth.application.change_names import ChangeNames
from services.auth.application.close_account import CloseAccount
from services.auth.application.export_account import ExportAccount
from services.auth.composition.codes import CodeParts
from services.auth.composition.part import Ground, Part
from services.auth.rpc.account_servicer import AccountServicer
from services.auth.rpc.admin_servicer import AdminServicer


def account_part(ground: Ground) -> Part:
    """What people do with their own account; its chores erase what is due and forget old exports."""
    clock, pool, parts = ground.clock, ground.pool, CodeParts(ground)
    closing, exports = PostgresClosing(pool), PostgresExports(pool)
    names = ChangeNames(
        ground.reader, parts.send, parts.codes, PostgresNames(pool), closing, parts.mint, parts.rules, clock
    )
    close = CloseAccount(closing, clock)
    export = ExportAccount(exports, ExportSeal(ground.root_key), clock)
    return Part(
        account_service_pb2.DESCRIPTOR.services_by_name["AccountService"],
        account_service_pb2_grpc.add_AccountServiceServicer_to_server,
        AccountServicer(names, close, export),
        chores=(
            (close.erase_due, timedelta()),
            (exports.purge, timedelta()),
        ),
    )


def admin_part(ground: Ground) -> Part:
    """What people with roles do to accounts of others; its chore lifts suspensions that are over."""
    acts = PostgresAdministration(ground.pool)
    administer = Administer(ground.reader, acts, PostgresFourEyes(ground.pool), ground.clock)
    return Part(
        admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"],
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server,
        AdminServicer(administer),
        chores=((acts.lift_due, timedelta()),),
    )
