"""How sure a proof is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.auth.domain.assurance import Method, Proof, level_of
from services.auth.domain.device import read_device
from services.chassis.errors import AppError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("methods", "level"),
    [
        (Method.PASSWORD, 1),
        (Method.CODE, 1),
        (Method.TOTP, 1),
        (Method.RECOVERY_CODE, 1),
        (Method.PASSKEY, 2),
        (Method.PASSWORD | Method.CODE, 2),
        (Method.CODE | Method.TOTP, 2),
        (Method.PASSWORD | Method.RECOVERY_CODE, 2),
    ],
)
def test_two_factors_or_a_passkey_are_level_two(methods: Method, level: int) -> None:
    assert level_of(methods) == level


def test_the_same_method_again_is_no_second_factor_but_is_fresh() -> None:
    proof = Proof(Method.CODE, NOW).strengthened(Method.CODE, NOW + timedelta(minutes=1))
    assert (proof.level, proof.proved_at) == (1, NOW + timedelta(minutes=1))
    assert proof.strengthened(Method.PASSWORD, NOW).level == 2


def test_a_device_is_kept_by_digest_and_its_name_is_clean() -> None:
    device = read_device("a-device-made-by-app", "  موبايل منى ", "197.32.1.0/24")
    assert (len(device.digest), device.name, device.network) == (32, "موبايل منى", "197.32.1.0/24")
    assert read_device("", "", "").digest == b""
    for name in ("x" * 65, "a\u202eb", "a\nb"):
        with pytest.raises(AppError):
            read_device("", name, "")
