"""PaymentsService put together: wallets, top-ups and tips, and the ledger's upkeep."""

from __future__ import annotations

from typing import Final

from daira.payments.v1 import payments_service_pb2, payments_service_pb2_grpc
from services.payments.adapters.postgres.ledger_upkeep import expire_holds, fold_accounts, make_entry_partitions
from services.payments.adapters.postgres.rates import PostgresRates
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.adapters.postgres.top_ups import PostgresTopUps
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.adapters.tip_batches import TipBatches
from services.payments.application.read_wallet import ReadWallet
from services.payments.application.send_tip import SendTip
from services.payments.application.top_up import RunTopUps, TakeTopUp
from services.payments.composition.part import Chore, Ground, Part
from services.payments.composition.providers import providers_in_process
from services.payments.composition.sagas import saga_runner, saga_store
from services.payments.domain.providers import Rail
from services.payments.rpc.payments_servicer import PaymentsServicer

REAL_RAILS: Final = frozenset({Rail.CARD, Rail.MOBILE, Rail.VOUCHER, Rail.BANK})
_HOUR_S: Final = 3600.0


def wallets_part(ground: Ground, rates: PostgresRates) -> Part:
    """Wallets, top-ups and tips; its chores settle top-ups and keep the ledger in order."""
    settings, pool = ground.settings, ground.pool
    top_ups = PostgresTopUps(pool)
    here = rails_here(settings.provider)
    sagas = saga_store(ground)
    runner, elsewhere = (
        saga_runner(ground, sagas, providers) for providers in (providers_in_process(settings.provider, pool), None)
    )
    servicer = PaymentsServicer(
        ReadWallet(PostgresWallets(pool)),
        TakeTopUp(
            sagas, top_ups, runner, elsewhere, rails=REAL_RAILS | here, here=here, wait_s=settings.provider_timeout_s
        ),
        SendTip(TipBatches(PostgresTipLedger(pool)), rates, ground.clock),
        ground.page_tokens,
        default_rail=Rail.SANDBOX if Rail.SANDBOX in here else Rail.CARD,
    )
    return Part(
        payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"],
        payments_service_pb2_grpc.add_PaymentsServiceServicer_to_server,
        servicer,
        chores=(
            Chore("run_top_ups", RunTopUps(top_ups, runner, here), settings.resolve_every_s),
            Chore("fold_accounts", lambda: fold_accounts(pool), settings.fold_every_s),
            Chore("expire_holds", lambda: expire_holds(pool), settings.fold_every_s),
            Chore("make_entry_partitions", lambda: make_entry_partitions(pool), _HOUR_S),
        ),
    )


def rails_here(provider: str) -> frozenset[Rail]:
    """The rails whose operations this process does itself: none that moves money is ever among them."""
    return frozenset({Rail.SANDBOX} if provider == "sandbox" else ())
