"""SessionService put together: sessions and devices by their owner, and the word of what ended."""

from __future__ import annotations

from datetime import timedelta

from daira.auth.v1 import session_service_pb2, session_service_pb2_grpc
from services.auth.adapters.postgres.own_sessions import PostgresOwnSessions
from services.auth.adapters.postgres.revocation_log import PostgresRevocations
from services.auth.application.own_sessions import ManageOwnSessions
from services.auth.composition.part import Ground, Part
from services.auth.rpc.session_servicer import SessionServicer


def sessions_part(ground: Ground) -> Part:
    """The part."""
    log = PostgresRevocations(ground.pool)
    return Part(
        session_service_pb2.DESCRIPTOR.services_by_name["SessionService"],
        session_service_pb2_grpc.add_SessionServiceServicer_to_server,
        SessionServicer(ManageOwnSessions(PostgresOwnSessions(ground.pool), ground.clock), log),
        chores=((log.purge, timedelta()),),
    )
