"""Rows of the audit log as PostgreSQL gives them, and the session that a row's payload names."""

from __future__ import annotations

from typing import Final

import asyncpg
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from daira.events.v1 import events_pb2
from services.auth.domain.audit_chain import AuditRow

COLUMNS: Final = (
    "l.seq, l.xid::text AS xid, l.recorded_at, l.occurred_at, l.kind, l.subject_id, l.actor_id, l.event_id, l.version,"
    " l.payload, l.detail, l.repeats"
)

# Kinds whose message says which session it is about.
_MESSAGES: Final = {
    field.name: GetMessageClass(field.message_type)
    for field in events_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields
    if "session_id" in field.message_type.fields_by_name
}


def to_row(record: asyncpg.Record) -> AuditRow:
    """The row of a record with COLUMNS."""
    return AuditRow(
        seq=record["seq"],
        xid=int(record["xid"]),
        recorded_at=record["recorded_at"],
        occurred_at=record["occurred_at"],
        kind=record["kind"],
        subject_id=record["subject_id"],
        actor_id=record["actor_id"],
        event_id=record["event_id"],
        version=record["version"],
        payload=record["payload"],
        detail=record["detail"],
        repeats=record["repeats"],
    )


def session_of(kind: str, payload: bytes) -> int:
    """The session that the payload names; 0 when none, or when it cannot be read."""
    message = _MESSAGES.get(kind)
    if message is None:
        return 0
    try:
        return int(message.FromString(payload).session_id)  # type: ignore[attr-defined]
    except DecodeError:
        return 0
