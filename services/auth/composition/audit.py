"""AuditService put together: a person's own security history, and the closing of counted refusals."""

from __future__ import annotations

from daira.auth.v1 import audit_service_pb2, audit_service_pb2_grpc
from services.auth.adapters.postgres.audit import REFUSAL_WINDOW, PostgresAuditTrail
from services.auth.application.list_audit_entries import ListAuditEntries
from services.auth.composition.part import Ground, Part
from services.auth.rpc.audit_servicer import AuditServicer
from services.chassis.page_token import PageTokens
from services.sealing.seal import derive_key


def audit_part(ground: Ground) -> Part:
    """The part."""
    trail = PostgresAuditTrail(ground.pool, ground.root_key)
    tokens = PageTokens(derive_key(ground.root_key, b"daira audit page tokens"))
    return Part(
        audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"],
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server,
        AuditServicer(ListAuditEntries(trail), tokens),
        chores=((trail.close_refusals, REFUSAL_WINDOW),),
    )
