"""auth's events as they are stored: the payload of each, ready for the log."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.auth.domain.session import SessionEnd

USER_REGISTERED: Final = "user_registered"
SESSION_STARTED: Final = "session_started"
DEVICE_ADDED: Final = "device_added"
SESSION_ENDED: Final = "session_ended"

SESSIONS_REVOKED: Final = "sessions_revoked"
DEVICE_FORGOTTEN: Final = "device_forgotten"


def user_registered() -> bytes:
    """A person has an account."""
    return events_pb2.UserRegistered().SerializeToString()


def session_started(session_id: int) -> bytes:
    """A person signed in."""
    return events_pb2.SessionStarted(session_id=session_id).SerializeToString()


def device_added(session_id: int) -> bytes:
    """A person signed in on a device that is new to their account."""
    return events_pb2.DeviceAdded(session_id=session_id).SerializeToString()


def session_ended(session_id: int, cause: SessionEnd) -> bytes:
    """A session ended."""
    return events_pb2.SessionEnded(
        session_id=session_id, cause=events_pb2.SessionEndCause.Value(f"SESSION_END_CAUSE_{cause.name}")
    ).SerializeToString()


def sessions_revoked(epoch: int) -> bytes:
    """All sessions of a person ended."""
    return events_pb2.SessionsRevoked(epoch=epoch).SerializeToString()


def device_forgotten() -> bytes:
    """A person forgot a device."""
    return events_pb2.DeviceForgotten().SerializeToString()
