"""Destinations as people type them: any digits, right check digits, and nothing secret shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import AppError
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.domain.instruments import Instrument, read_destination, read_iban, read_national_id
from services.payments.domain.providers import Rail

IBAN = "EG380019000500000000263180002"
NAME = "منى أحمد السيد"
IDENTITY = "29805150102345"
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.mark.parametrize(
    ("network", "account", "rail", "read"),
    [
        ("vodafone", "٠١٠ ١٢٣٤ ٥٦٧٨", Rail.MOBILE, "+201012345678"),
        ("orange", "+20 12 1234 5678", Rail.MOBILE, "+201212345678"),
        ("iban", "EG38 0019 0005 0000 0000 2631 8000 2", Rail.BANK, IBAN),
        ("iban", IBAN.lower().translate(ARABIC_DIGITS), Rail.BANK, IBAN),
        ("instapay", " Mona.Ahmed@InstaPay ", Rail.BANK, "mona.ahmed@instapay"),
    ],
)
def test_any_spelling_is_read(network: str, account: str, rail: Rail, read: str) -> None:
    found = read_destination(7, network, account, f"  {NAME.replace(' ', '   ')} ", IDENTITY.translate(ARABIC_DIGITS))
    assert (found.rail, found.account, found.holder_name, found.national_id) == (rail, read, NAME, IDENTITY)
    shown = found.label + repr(found)
    assert found.label.endswith(read.removesuffix("@instapay")[-4:])
    assert not any(secret in shown for secret in (read, NAME, IDENTITY))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"network": "swift"}, "network"),
        ({"account": "EG380019000500000000263180003"}, "account"),
        ({"account": "DE89370400440532013000"}, "account"),
        ({"network": "vodafone", "account": "0223456789"}, "account"),
        ({"network": "vodafone", "account": "9" * 500}, "account"),
        ({"network": "instapay", "account": "mona@bank"}, "account"),
        ({"holder_name": "منى"}, "holder_name"),
        ({"holder_name": "Mona 4hmed"}, "holder_name"),
        ({"holder_name": "ا " * 60}, "holder_name"),
        ({"national_id": "29802300102345"}, "national_id"),
        ({"national_id": "19805150102345"}, "national_id"),
        ({"national_id": "29805159902345"}, "national_id"),
        ({"national_id": "2980515010234"}, "national_id"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(change: dict[str, str], field: str) -> None:
    typed = {"network": "iban", "account": IBAN, "holder_name": NAME, "national_id": IDENTITY} | change
    with pytest.raises(AppError) as caught:
        read_destination(7, **typed)
    assert caught.value.field_violations[0].field == field
    if field != "network":
        assert typed[field].strip() not in str(caught.value)


@given(st.text(max_size=40))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (read_iban(text), read_national_id(text)):
        assert read is None or read.isascii()


@given(st.integers(0, 10**25 - 1), st.integers(2, 98))
def test_two_check_digits_at_most_are_right_for_an_account(account: int, check: int) -> None:
    """ISO 13616: one of the hundred; another pair is right only where the remainders fall together."""
    iban = f"EG{check:02}{account:025}"
    expected = 98 - int(f"{account:025}141600") % 97
    assert (read_iban(iban) == iban) == (check == expected)


def test_what_is_sealed_opens_only_in_its_place() -> None:
    box = InstrumentBox(bytes(32))
    mine = Instrument(0, 7, Rail.BANK, "iban", IBAN, NAME, IDENTITY)
    sealed = box.seal(5, mine)
    assert box.open(5, 7, sealed) == (IBAN, NAME, IDENTITY)
    assert IBAN.encode() not in sealed
    for place in ((6, 7), (5, 8)):
        with pytest.raises(ValueError, match="instrument"):
            box.open(*place, sealed)
    with pytest.raises(ValueError, match="instrument"):
        InstrumentBox(b"1" * 32).open(5, 7, sealed)
    other = Instrument(0, 7, Rail.BANK, "iban", IBAN, "منى أحمد", IDENTITY)
    assert box.fingerprint(mine) == box.fingerprint(Instrument(9, 8, Rail.BANK, "iban", IBAN, NAME, IDENTITY))
    assert box.fingerprint(mine) != box.fingerprint(other)
