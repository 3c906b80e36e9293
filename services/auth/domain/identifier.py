"""The name a person signs in with: a phone or an e-mail, already in its one normal spelling."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field


class IdentifierKind(enum.Enum):
    """What the name is."""

    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A normalised phone (E.164) or e-mail; two spellings of one name are equal. The value stays out of every repr."""

    kind: IdentifierKind
    value: str = field(repr=False)

    def digest(self) -> bytes:
        """32 bytes that stand for the name where the name itself has no business."""
        return hashlib.sha256(f"{self.kind.value}:{self.value}".encode()).digest()


def mask_phone(phone: str) -> str:
    """An E.164 phone with its middle hidden; the number of stars says nothing."""
    return f"{phone[:5]}*****{phone[-2:]}" if phone else ""


def mask_email(email: str) -> str:
    """An e-mail with its name hidden but for the first letter; the number of stars says nothing."""
    if not email:
        return ""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}"
