"""Limits of tips, top-ups and pages, and the waits between inquiries."""

from __future__ import annotations

import pytest

from services.chassis.errors import AppError, ErrorKind
from services.payments.domain.backoff import inquiry_delay
from services.payments.domain.providers import Rail
from services.payments.domain.tips import TIP_MAX, TIP_MIN, TipOrder
from services.payments.domain.top_ups import BANK_TOP_UP_MAX, TOP_UP_MAX, TOP_UP_MIN, TopUpOrder
from services.payments.domain.wallets import page_length


@pytest.mark.parametrize("amount", [TIP_MIN, TIP_MAX])
def test_edges_of_a_tip_are_inside(amount: int) -> None:
    TipOrder(1, 2, amount, 0, "k", b"").check()


def test_every_bad_field_of_a_tip_is_named() -> None:
    with pytest.raises(AppError) as caught:
        TipOrder(1, 0, TIP_MIN - 1, -1, "k", b"").check()
    assert [violation.field for violation in caught.value.field_violations] == [
        "recipient_id",
        "amount_piastres",
        "post_id",
    ]


def test_nobody_tips_themselves() -> None:
    with pytest.raises(AppError) as caught:
        TipOrder(1, 1, TIP_MIN, 0, "k", b"").check()
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.FAILED_PRECONDITION, "SELF_NOT_ALLOWED")


@pytest.mark.parametrize("amount", [TOP_UP_MIN, TOP_UP_MAX])
def test_edges_of_a_top_up_are_inside(amount: int) -> None:
    TopUpOrder(1, amount, "k", b"").check({Rail.SANDBOX})


@pytest.mark.parametrize("amount", [TOP_UP_MIN - 1, TOP_UP_MAX + 1])
def test_beyond_the_edges_of_a_top_up(amount: int) -> None:
    with pytest.raises(AppError):
        TopUpOrder(1, amount, "k", b"").check({Rail.SANDBOX})


def test_a_top_up_is_over_a_rail_there_is_and_the_bank_takes_more() -> None:
    TopUpOrder(1, BANK_TOP_UP_MAX, "k", b"", Rail.BANK).check({Rail.BANK})
    with pytest.raises(AppError) as caught:
        TopUpOrder(1, BANK_TOP_UP_MAX, "k", b"", Rail.SANDBOX).check({Rail.CARD, Rail.BANK})
    assert [violation.field for violation in caught.value.field_violations] == ["amount_piastres", "rail"]


def test_inquiries_become_rarer_but_never_stop() -> None:
    delays = [inquiry_delay(attempts).total_seconds() for attempts in range(1, 100)]
    assert delays[:4] == [2.0, 4.0, 8.0, 16.0]
    assert delays == sorted(delays)
    assert delays[-1] == 3600.0


def test_page_lengths() -> None:
    assert [page_length(size) for size in (0, 1, 100)] == [20, 1, 100]
    for size in (-1, 101):
        with pytest.raises(AppError):
            page_length(size)
