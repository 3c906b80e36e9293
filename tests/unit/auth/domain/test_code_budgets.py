"""What one code is counted against, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.auth.domain.code_budgets import CodeBudgets, Scope

PHONE = "+201001234567"
NETWORK = "197.32.1.0/24"


def test_a_code_is_counted_for_its_number_its_network_its_block_and_everybody() -> None:
    charges = [*CodeBudgets().charges(PHONE, NETWORK), *CodeBudgets().shares(PHONE, is_proved=False)]
    counted = [(charge.scope, charge.subject, charge.window, charge.allowed) for charge in charges]
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    assert counted == [
        (Scope.NUMBER, PHONE, minute, 1),
        (Scope.NUMBER, PHONE, hour, 5),
        (Scope.NUMBER, PHONE, day, 10),
        (Scope.NETWORK, NETWORK, hour, 60),
        (Scope.BLOCK, "+20100123", hour, 60),
        (Scope.NEW_NUMBERS, "", hour, 2_500),
        (Scope.NEW_NUMBERS, "", day, 25_000),
    ]


@pytest.mark.parametrize(("everybody", "percent"), [(2, 1), (2, 99), (3, 50), (5_000, 50), (10_000, 99), (77, 1)])
def test_both_shares_have_something_and_are_all_there_is(everybody: int, percent: int) -> None:
    budgets = CodeBudgets(everybody_hour=everybody, everybody_day=everybody, proved_percent=percent)
    proved, new = budgets.shares(PHONE, is_proved=True), budgets.shares(PHONE, is_proved=False)[1:]
    for one, other in zip(proved, new, strict=True):
        assert one.allowed >= 1
        assert other.allowed >= 1
        assert one.allowed + other.allowed == everybody


def test_an_unknown_network_is_not_one() -> None:
    assert all(charge.scope is not Scope.NETWORK for charge in CodeBudgets().charges(PHONE, ""))


def test_all_take_their_budgets_in_one_order() -> None:
    """Else two who take several could wait for each other."""
    for phone, network in ((PHONE, NETWORK), (PHONE, ""), ("+201112345678", "10.0.0.0/24")):
        places = [(charge.scope.value, charge.window) for charge in CodeBudgets().charges(phone, network)]
        assert places == sorted(places)


def test_no_charge_shows_whom_it_is_of() -> None:
    assert "1234" not in repr(CodeBudgets().charges(PHONE, NETWORK))
