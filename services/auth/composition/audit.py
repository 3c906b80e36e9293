"""AuditService put together: a person's own security history, and the closing of counted refusals."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daira.auth.v1 import audit_service_pb2, audit_service_pb2_grpc
from services.auth.adapters.postgres.audit import REFUSAL_WINDOW, PostgresAuditTrail
from services.auth.application.list_audit_entries import ListAuditEntries
from services.auth.composition.part import Ground, Part
from services.auth.rpc.audit_servicer import AuditServicer
from services.chassis.page_token import PageTokens


def audit_part(ground: Ground) -> Part:
    """The part."""
    trail = PostgresAuditTrail(ground.pool, ground.key_encryption_key)
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"daira audit page tokens")
    return Part(
        audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"],
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server,
        AuditServicer(ListAuditEntries(trail), PageTokens(derive.derive(ground.key_encryption_key))),
        chores=((trail.close_refusals, REFUSAL_WINDOW),),
    )
