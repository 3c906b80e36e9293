"""Limits of tips, top-ups and pages, and the waits between inquiries."""

from __future__ import annotations

import pytest

from services.chassis.errors import AppError, ErrorKind
from services.payments.domain.tips import TIP_MAX, TIP_MIN, TipOrder
from services.payments.domain.top_ups import TOP_UP_MAX, TOP_UP_MIN, TopUp, TopUpOrder, TopUpState, inquiry_delay_s
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
    TopUpOrder(1, amount, "k", b"").check()


@pytest.mark.parametrize("amount", [TOP_UP_MIN - 1, TOP_UP_MAX + 1])
def test_beyond_the_edges_of_a_top_up(amount: int) -> None:
    with pytest.raises(AppError):
        TopUpOrder(1, amount, "k", b"").check()


def test_a_reference_never_changes() -> None:
    pending = TopUp(5, 1, 700, TopUpState.PENDING, 0, 0)
    later = TopUp(5, 1, 700, TopUpState.PENDING, 100, 3)
    assert pending.reference == later.reference
    assert (pending.first_call_runs, later.first_call_runs) == (True, False)


def test_inquiries_become_rarer_but_never_stop() -> None:
    delays = [inquiry_delay_s(attempts) for attempts in range(1, 100)]
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0]
    assert delays == sorted(delays)
    assert delays[-1] == 3600.0


def test_page_lengths() -> None:
    assert [page_length(size) for size in (0, 1, 100)] == [20, 1, 100]
    for size in (-1, 101):
        with pytest.raises(AppError):
            page_length(size)
