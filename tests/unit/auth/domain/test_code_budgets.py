"""What one code is counted against, and in which order."""

from __future__ import annotations

from datetime import timedelta

from services.auth.domain.code_budgets import CodeBudgets, Scope

PHONE = "+201001234567"
NETWORK = "197.32.1.0/24"


def test_a_code_is_counted_for_its_number_its_network_its_block_and_everybody() -> None:
    charges = CodeBudgets().charges(PHONE, NETWORK)
    counted = [(charge.scope, charge.subject, charge.window, charge.allowed) for charge in charges]
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    assert counted == [
        (Scope.NUMBER, PHONE, minute, 1),
        (Scope.NUMBER, PHONE, hour, 5),
        (Scope.NUMBER, PHONE, day, 10),
        (Scope.NETWORK, NETWORK, hour, 60),
        (Scope.BLOCK, "+20100123", hour, 60),
        (Scope.EVERYBODY, "", hour, 5_000),
        (Scope.EVERYBODY, "", day, 50_000),
    ]


def test_an_unknown_network_is_not_one() -> None:
    assert all(charge.scope is not Scope.NETWORK for charge in CodeBudgets().charges(PHONE, ""))


def test_all_take_their_budgets_in_one_order() -> None:
    """Else two who take several could wait for each other."""
    for phone, network in ((PHONE, NETWORK), (PHONE, ""), ("+201112345678", "10.0.0.0/24")):
        places = [(charge.scope.value, charge.window) for charge in CodeBudgets().charges(phone, network)]
        assert places == sorted(places)


def test_no_charge_shows_whom_it_is_of() -> None:
    assert "1234" not in repr(CodeBudgets().charges(PHONE, NETWORK))
