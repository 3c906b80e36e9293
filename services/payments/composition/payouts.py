"""PayoutService put together: destinations, payouts and how people are known."""

from __future__ import annotations

from typing import Final

from daira.payments.v1 import payout_service_pb2, payout_service_pb2_grpc
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.adapters.postgres.instruments import PostgresInstruments
from services.payments.adapters.postgres.known_people import PostgresKnownPeople
from services.payments.adapters.postgres.payouts import PostgresPayouts
from services.payments.application.manage_destinations import ManageDestinations
from services.payments.application.request_payout import RequestPayout
from services.payments.composition.part import Chore, Ground, Part
from services.payments.composition.sagas import saga_runner, saga_store
from services.payments.rpc.payout_servicer import PayoutServicer

_HOUR_S: Final = 3600.0


def payouts_part(ground: Ground) -> Part:
    """Payouts of people; the chore forgets destinations that were removed."""
    settings, pool = ground.settings, ground.pool
    instruments = PostgresInstruments(pool, InstrumentBox(ground.root_key))
    people = PostgresKnownPeople(pool)
    sagas = saga_store(ground)
    runner = saga_runner(ground, sagas)
    payouts = RequestPayout(sagas, runner, PostgresPayouts(pool), instruments, people, ground.clock)
    return Part(
        payout_service_pb2.DESCRIPTOR.services_by_name["PayoutService"],
        payout_service_pb2_grpc.add_PayoutServiceServicer_to_server,
        PayoutServicer(
            ManageDestinations(instruments, wait_s=settings.destination_wait_s), payouts, people, ground.page_tokens
        ),
        chores=(Chore("wipe_instruments", instruments.wipe, _HOUR_S),),
    )
