"""Events of accounts' lives as they are stored: kinds, and the payloads that are not empty."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from daira.events.v1 import account_events_pb2
from services.auth.domain.assurance import Role

PHONE_CHANGED: Final = "phone_changed"
EMAIL_CHANGED: Final = "email_changed"
EMAIL_VERIFIED: Final = "email_verified"
ACCOUNT_SUSPENDED: Final = "account_suspended"
ACCOUNT_RESTORED: Final = "account_restored"
DELETION_REQUESTED: Final = "account_deletion_requested"
DELETION_CANCELLED: Final = "account_deletion_cancelled"
ACCOUNT_DELETED: Final = "account_deleted"
ROLE_REQUESTED: Final = "role_requested"
ROLE_GRANTED: Final = "role_granted"
ROLE_REVOKED: Final = "role_revoked"
ACCOUNT_LOOKED_UP: Final = "account_looked_up"
SIGN_IN_UNLOCKED: Final = "sign_in_unlocked"
REVOCATION_OF_ALL_REQUESTED: Final = "revocation_of_all_requested"
EXPORT_REQUESTED: Final = "export_requested"
EXPORT_READY: Final = "export_ready"


def account_suspended(reason: int, until: datetime | None) -> bytes:
    """Why and until when, None without end."""
    event = account_events_pb2.AccountSuspended(reason=reason)
    if until is not None:
        event.until.FromDatetime(until)
    return event.SerializeToString()


def deletion_requested(due_at: datetime) -> bytes:
    """When the account will be deleted."""
    event = account_events_pb2.AccountDeletionRequested()
    event.due_at.FromDatetime(due_at)
    return event.SerializeToString()


def role_requested(role: Role) -> bytes:
    """A role that somebody may get."""
    return account_events_pb2.RoleRequested(role=role.value).SerializeToString()


def role_granted(role: Role, requested_by: int) -> bytes:
    """A role that somebody got; `requested_by` is 0 for an operator."""
    return account_events_pb2.RoleGranted(role=role.value, requested_by=requested_by).SerializeToString()


def role_revoked(role: Role) -> bytes:
    """A role that somebody had."""
    return account_events_pb2.RoleRevoked(role=role.value).SerializeToString()
