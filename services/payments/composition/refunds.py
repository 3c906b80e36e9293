"""RefundService put together: money back, and the collection of what is owed after it."""

from __future__ import annotations

from daira.payments.v1 import refund_service_pb2, refund_service_pb2_grpc
from services.payments.adapters.postgres.charges import PostgresCharges
from services.payments.adapters.postgres.debts import PostgresDebts
from services.payments.adapters.postgres.refunds import PostgresRefunds
from services.payments.application.give_money_back import GiveMoneyBack
from services.payments.composition.part import Chore, Ground, Part
from services.payments.composition.sagas import saga_runner, saga_store
from services.payments.rpc.refund_servicer import RefundServicer


def refunds_part(ground: Ground) -> Part:
    """Money back; the chore collects debts from wallets that hold something again."""
    settings, pool = ground.settings, ground.pool
    sagas = saga_store(ground)
    runner = saga_runner(ground, sagas)
    debts = PostgresDebts(pool)
    give = GiveMoneyBack(PostgresRefunds(pool), debts, PostgresCharges(pool), sagas, runner)
    return Part(
        refund_service_pb2.DESCRIPTOR.services_by_name["RefundService"],
        refund_service_pb2_grpc.add_RefundServiceServicer_to_server,
        RefundServicer(give),
        chores=(Chore("collect_debts", debts.collect_all, settings.fold_every_s),),
    )
