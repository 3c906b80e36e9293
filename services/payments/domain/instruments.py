"""Instruments: where payouts go, and cards that are charged again. What people type is read here, and checked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from services.chassis.errors import invalid
from services.chassis.phone import read_egyptian_mobile
from services.payments.domain.providers import Rail

MOBILE_NETWORKS: Final = ("vodafone", "etisalat", "orange", "we")
INSTAPAY: Final = "instapay"
IBAN: Final = "iban"

_IPA: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}@instapay")
_IBAN_CHARS: Final = 29
_NAME_CHARS: Final = (5, 100)
_SHOWN: Final = 4
# The digits of a national id's governorate of birth; 88 is abroad.
_GOVERNORATES: Final = frozenset(
    {1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32, 33, 34, 35, 88}
)
_CENTURIES: Final = {"2": 1900, "3": 2000}
_NATIONAL_ID_CHARS: Final = 14


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument in the clear: never logged, stored only sealed.

    `account` is a mobile wallet's number in E.164, an IBAN, an InstaPay address, or the token of a card.
    `holder_name` and `national_id` are what banks and wallets ask for; empty for a card.
    """

    instrument_id: int
    user_id: int
    rail: Rail
    network: str
    account: str = field(repr=False)
    holder_name: str = field(default="", repr=False)
    national_id: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """What its owner knows it by: the last four characters of the account."""
        account = self.account.removesuffix(f"@{INSTAPAY}") if self.network == INSTAPAY else self.account
        return f"•••• {account[-_SHOWN:]}"


def read_destination(user_id: int, network: str, account: str, holder_name: str, national_id: str) -> Instrument:
    """Where a person wants to be paid out; AppError INVALID_ARGUMENT naming the field that is wrong.

    A mobile wallet of `network`, an IBAN or an InstaPay address; digits may be Arabic. `holder_name` as on the
    identity card, `national_id` with its 14 digits.
    """
    if network in MOBILE_NETWORKS:
        rail, read = Rail.MOBILE, read_egyptian_mobile(account)
        problem = "must be an Egyptian mobile number"
    elif network == IBAN:
        rail, read, problem = Rail.BANK, read_iban(account), "must be an Egyptian IBAN of 29 characters"
    elif network == INSTAPAY:
        rail, read, problem = Rail.BANK, _read_ipa(account), "must be an address such as name@instapay"
    else:
        raise invalid("network", f"must be one of {', '.join((*MOBILE_NETWORKS, IBAN, INSTAPAY))}")
    if read is None:
        raise invalid("account", problem)
    name = " ".join(unicodedata.normalize("NFC", holder_name).split())
    low, high = _NAME_CHARS
    if not low <= len(name) <= high or " " not in name or not all(_is_of_name(char) for char in name):
        raise invalid("holder_name", f"must be a name of {low} to {high} letters, as on the identity card")
    identity = read_national_id(national_id)
    if identity is None:
        raise invalid("national_id", "must be the 14 digits of an Egyptian identity card")
    return Instrument(0, user_id, rail, network, read, name, identity)


def read_iban(text: str) -> str | None:
    """An Egyptian IBAN without spaces, its check digits right (ISO 13616); None when it is none."""
    iban = "".join(_ascii_digits(text).upper().split())
    if len(iban) != _IBAN_CHARS or not iban.startswith("EG") or not iban[2:].isdecimal():
        return None
    as_number = int(iban[4:] + "".join(str(int(char, 36)) for char in iban[:4]))
    return iban if as_number % 97 == 1 else None


def read_national_id(text: str) -> str | None:
    """The 14 digits of an identity card with a possible birth date and governorate; None when they are none."""
    digits = "".join(_ascii_digits(text).split())
    if len(digits) != _NATIONAL_ID_CHARS or not digits.isdecimal() or digits[0] not in _CENTURIES:
        return None
    try:
        date(_CENTURIES[digits[0]] + int(digits[1:3]), int(digits[3:5]), int(digits[5:7]))
    except ValueError:
        return None
    return digits if int(digits[7:9]) in _GOVERNORATES else None


def _read_ipa(text: str) -> str | None:
    address = text.strip().lower()
    return address if _IPA.fullmatch(address) else None


def _ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def _is_of_name(char: str) -> bool:
    return char in " -'." or unicodedata.category(char)[0] in {"L", "M"}
