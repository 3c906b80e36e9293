"""auth's events as they are stored: the payload of each, ready for the log."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.auth.domain.session import SessionEnd

USER_REGISTERED: Final = "user_registered"
SESSION_STARTED: Final = "session_started"
DEVICE_ADDED: Final = "device_added"
SESSION_ENDED: Final = "session_ended"

_CAUSES: Final = {
    SessionEnd.SIGNED_OUT: events_pb2.SESSION_END_CAUSE_SIGNED_OUT,
    SessionEnd.REFRESH_TOKEN_REUSED: events_pb2.SESSION_END_CAUSE_REFRESH_TOKEN_REUSED,
    SessionEnd.PHONE_PROVED: events_pb2.SESSION_END_CAUSE_PHONE_PROVED,
}


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
    return events_pb2.SessionEnded(session_id=session_id, cause=_CAUSES[cause]).SerializeToString()
