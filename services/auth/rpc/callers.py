"""Who calls, and from which device."""

from __future__ import annotations

from typing import Any

from daira.auth.v1 import auth_service_pb2 as pb
from services.auth.domain.device import Device, read_device
from services.auth.rpc.caller_network import caller_network
from services.chassis import context


def caller() -> tuple[int, int]:
    """The caller's user id and session id; AppError UNAUTHENTICATED when the caller is not a person."""
    user_id = context.require_user()
    identity = context.current().identity
    return user_id, identity.session_id if identity is not None else 0


def device_of(device: pb.Device, call: Any) -> Device:
    """The device that a request names, and the network its call came from; AppError INVALID_ARGUMENT."""
    return read_device(device.device_id, device.device_name, caller_network(call))
