"""Who calls, and from which device."""

from __future__ import annotations

from typing import Any

from daira.auth.v1 import auth_service_pb2 as pb
from services.auth.domain.device import Device, read_device
from services.auth.rpc.caller_network import caller_network
from services.chassis import context
from services.chassis.dpop import ProofChecker


def caller() -> tuple[int, int]:
    """The caller's user id and session id; AppError UNAUTHENTICATED when the caller is not a person."""
    user_id = context.require_user()
    identity = context.current().identity
    return user_id, identity.session_id if identity is not None else 0


class Devices:
    """Reads where requests come from: device, network, and the key that tokens are to be bound to."""

    def __init__(self, proofs: ProofChecker) -> None:
        self._proofs = proofs

    def of(self, device: pb.Device, call: Any) -> Device:
        """The device that a request names; AppError INVALID_ARGUMENT, or UNAUTHENTICATED for a wrong proof."""
        return read_device(device.device_id, device.device_name, caller_network(call), self.key_thumbprint())

    def key_thumbprint(self) -> str:
        """Of the key whose proof came with the call, "" when none did; AppError UNAUTHENTICATED for a wrong one."""
        proof = context.current().dpop
        return self._proofs.thumbprint(proof) if proof else ""
