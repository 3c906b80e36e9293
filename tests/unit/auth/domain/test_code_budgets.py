"""What one code is counted against, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.auth.domain.code_budgets import CodeBudgets, Scope

PHONE = "+201001234567"
NETWORK = "197.32.1.0/24"
DEVICE = "device-of-the-test-1"


def test_a_code_is_counted_for_its_number_its_network_its_block_and_everybody() -> None:
    asked = CodeBudgets().charges(PHONE, DEVICE, NETWORK, is_familiar=False)
    charges = [*asked, *CodeBudgets().shares(PHONE, is_proved=False)]
    counted = [(charge.scope, charge.subject, charge.window, charge.allowed) for charge in charges]
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    assert counted == [
        (Scope.NUMBER, PHONE, minute, 1),
        (Scope.NUMBER, PHONE, hour, 5),
        (Scope.NUMBER, PHONE, day, 10),
        (Scope.STRANGERS, PHONE, hour, 4),
        (Scope.STRANGERS, PHONE, day, 8),
        (Scope.NUMBER_FROM_NETWORK, f"{PHONE} {NETWORK}", hour, 3),
        (Scope.NUMBER_FROM_DEVICE, f"{PHONE} {DEVICE}", hour, 3),
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
    charges = CodeBudgets().charges(PHONE, "", "", is_familiar=False)
    assert {charge.scope for charge in charges} == {Scope.NUMBER, Scope.STRANGERS}


def test_what_strangers_ask_for_costs_a_known_device_only_the_numbers_own_budget() -> None:
    charges = CodeBudgets().charges(PHONE, DEVICE, NETWORK, is_familiar=True)
    assert {charge.scope for charge in charges} == {Scope.NUMBER, Scope.NETWORK}


@pytest.mark.parametrize(
    ("hour", "percent", "strangers"), [(5, 20, 4), (5, 0, 5), (5, 1, 4), (2, 20, 1), (1, 99, 1), (10, 50, 5)]
)
def test_strangers_leave_something_and_have_something(hour: int, percent: int, strangers: int) -> None:
    budgets = CodeBudgets(number_hour=hour, number_reserved_percent=percent)
    charges = budgets.charges(PHONE, DEVICE, NETWORK, is_familiar=False)
    assert next(charge.allowed for charge in charges if charge.scope is Scope.STRANGERS) == strangers


def test_all_take_their_budgets_in_one_order() -> None:
    """Else two who take several could wait for each other."""
    for phone, network in ((PHONE, NETWORK), (PHONE, ""), ("+201112345678", "10.0.0.0/24")):
        for is_familiar in (True, False):
            charges = CodeBudgets().charges(phone, DEVICE, network, is_familiar=is_familiar)
            places = [(charge.scope.value, charge.window) for charge in charges]
            assert places == sorted(places)


def test_no_charge_shows_whom_it_is_of() -> None:
    assert "1234" not in repr(CodeBudgets().charges(PHONE, DEVICE, NETWORK, is_familiar=False))
