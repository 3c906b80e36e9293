"""Reads phones by Google's numbering data and e-mails by the RFCs, without asking the network."""

from __future__ import annotations

from typing import Final

from email_validator import EmailNotValidError, validate_email

from services.auth.application.ports import RawIdentifier
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.chassis.errors import invalid
from services.chassis.phone import read_egyptian_mobile

_MAX_EMAIL_CHARS: Final = 254


class IdentifierReader:
    """Reads what people type as the name they sign in with."""

    def read(self, raw: RawIdentifier) -> Identifier:
        """The name in its one normal spelling; AppError INVALID_ARGUMENT when it is none.

        A phone becomes E.164 and must be an Egyptian mobile of an assigned prefix. An e-mail is lower-cased in its
        domain, NFC in its local part.
        """
        if raw.phone is not None:
            return self.read_phone(raw.phone, "identifier.phone")
        if raw.email is not None:
            return Identifier(IdentifierKind.EMAIL, _read_email(raw.email))
        raise invalid("identifier", "needs a phone or an e-mail")

    def read_phone(self, text: str, field: str) -> Identifier:
        """The phone in E.164; AppError INVALID_ARGUMENT, naming `field`, when it is no Egyptian mobile."""
        phone = read_egyptian_mobile(text)
        if phone is None:
            raise invalid(field, "must be an Egyptian mobile number")
        return Identifier(IdentifierKind.PHONE, phone)


def _read_email(text: str) -> str:
    stripped = text.strip()
    if len(stripped) > _MAX_EMAIL_CHARS:
        raise invalid("identifier.email", f"must have at most {_MAX_EMAIL_CHARS} characters")
    try:
        parsed = validate_email(stripped, check_deliverability=False, strict=True)
    except (EmailNotValidError, ValueError):
        raise invalid("identifier.email", "must be an e-mail address") from None
    return str(parsed.normalized)
