"""auth's events as they are stored: the payload of each, ready for the log."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import account_events_pb2, events_pb2, factor_events_pb2
from services.auth.domain.factors import FactorKind
from services.auth.domain.session import SessionEnd

USER_REGISTERED: Final = "user_registered"
SESSION_STARTED: Final = "session_started"
DEVICE_ADDED: Final = "device_added"
SESSION_ENDED: Final = "session_ended"
FACTOR_ADDED: Final = "factor_added"
FACTOR_REMOVED: Final = "factor_removed"
PASSWORD_CHANGED: Final = "password_changed"  # noqa: S105 - the kind of an event
RECOVERY_CODES_CREATED: Final = "recovery_codes_created"
RECOVERY_CODE_USED: Final = "recovery_code_used"
PASSKEY_REFUSED: Final = "passkey_refused"

SESSIONS_REVOKED: Final = "sessions_revoked"
DEVICE_FORGOTTEN: Final = "device_forgotten"
_FACTORS: Final = {
    FactorKind.TOTP: factor_events_pb2.FACTOR_KIND_TOTP,
    FactorKind.PASSKEY: factor_events_pb2.FACTOR_KIND_PASSKEY,
}


def user_registered() -> bytes:
    """A person has an account."""
    return events_pb2.UserRegistered().SerializeToString()


def session_started(session_id: int) -> bytes:
    """A person signed in."""
    return events_pb2.SessionStarted(session_id=session_id).SerializeToString()


def device_added(session_id: int) -> bytes:
    """A person signed in on a device that is new to their account."""
    return account_events_pb2.DeviceAdded(session_id=session_id).SerializeToString()


def session_ended(session_id: int, cause: SessionEnd) -> bytes:
    """A session ended."""
    return events_pb2.SessionEnded(
        session_id=session_id, cause=events_pb2.SessionEndCause.Value(f"SESSION_END_CAUSE_{cause.name}")
    ).SerializeToString()


def sessions_revoked(epoch: int) -> bytes:
    """All sessions of a person ended."""
    return account_events_pb2.SessionsRevoked(epoch=epoch).SerializeToString()


def device_forgotten() -> bytes:
    """A person forgot a device."""
    return account_events_pb2.DeviceForgotten().SerializeToString()


def factor_added(factor_id: int, kind: FactorKind) -> bytes:
    """An account has another second factor."""
    return factor_events_pb2.FactorAdded(factor_id=factor_id, kind=_FACTORS[kind]).SerializeToString()


def factor_removed(factor_id: int, kind: FactorKind, *, was_last: bool) -> bytes:
    """An account has one second factor less."""
    return factor_events_pb2.FactorRemoved(
        factor_id=factor_id, kind=_FACTORS[kind], was_last=was_last
    ).SerializeToString()


def password_changed(session_id: int) -> bytes:
    """An account has another password, changed in the session."""
    return factor_events_pb2.PasswordChanged(session_id=session_id).SerializeToString()


def recovery_codes_created(codes: int) -> bytes:
    """An account has so many new recovery codes."""
    return factor_events_pb2.RecoveryCodesCreated(codes=codes).SerializeToString()


def recovery_code_used(codes_left: int) -> bytes:
    """A recovery code was used."""
    return factor_events_pb2.RecoveryCodeUsed(codes_left=codes_left).SerializeToString()


def passkey_refused(factor_id: int) -> bytes:
    """A passkey was refused because its counter had not grown."""
    return factor_events_pb2.PasskeyRefused(factor_id=factor_id).SerializeToString()
