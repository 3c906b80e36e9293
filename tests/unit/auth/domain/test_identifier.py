"""Names are compared in one spelling and shown in none."""

from __future__ import annotations

from services.auth.domain.identifier import Identifier, IdentifierKind, mask_email, mask_phone


def test_masks_hide_the_middle() -> None:
    assert mask_phone("+201001234567") == "+2010*****67"
    assert mask_email("ahmed.ali@example.com") == "a***@example.com"
    assert mask_email("a@example.com") == "a***@example.com"
    assert mask_email("احمد@example.com") == "ا***@example.com"
    assert mask_phone("") == ""
    assert mask_email("") == ""


def test_the_value_stays_out_of_repr() -> None:
    assert "1001234567" not in repr(Identifier(IdentifierKind.PHONE, "+201001234567"))


def test_kinds_do_not_share_digests() -> None:
    assert Identifier(IdentifierKind.PHONE, "x").digest() != Identifier(IdentifierKind.EMAIL, "x").digest()
