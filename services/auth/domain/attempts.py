"""How many passwords may be tried: on one name by strangers, on it by a device it knows, and from one network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta

from services.auth.domain.device import Device
from services.auth.domain.identifier import Identifier


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """Wrong passwords that cost nothing but a try; a right one is never counted.

    After `attempts` on one name they are let through one at a time, a sixteenth of `slowest` apart at first and twice
    as long after each, never longer than `slowest`: nobody is shut out for good. Only `forgotten_after` without any
    try begins anew, so that pausing gains a guesser nothing. From one network come at most `network_attempts` on all
    names together in `network_window`.
    """

    attempts: int = 10
    slowest: timedelta = timedelta(minutes=15)
    network_attempts: int = 100
    network_window: timedelta = timedelta(minutes=15)

    @property
    def forgotten_after(self) -> timedelta:
        """How long without a try makes a name as good as new."""
        return self.attempts * self.slowest


@dataclass(frozen=True, slots=True)
class Guess:
    """A password about to be tried on a name by a device."""

    identifier: Identifier
    device: Device = field(repr=False)

    def strangers_subject(self) -> bytes:
        """32 bytes that all devices share which the name does not know."""
        return _digest(b"name", self.identifier.digest())

    def device_subject(self) -> bytes:
        """32 bytes of this device with this name."""
        return _digest(b"device", self.identifier.digest() + self.device.digest)

    def network_subject(self) -> bytes | None:
        """32 bytes of the network; None when it is not known."""
        return _digest(b"network", self.device.network.encode()) if self.device.network else None


def _digest(kind: bytes, subject: bytes) -> bytes:
    return hashlib.sha256(kind + b":" + subject).digest()
