"""Handles are small ASCII names."""

from __future__ import annotations

import pytest

from services.chassis.errors import AppError
from services.social.domain.handle import clean_handle, small_handle


@pytest.mark.parametrize(("given", "handle"), [("Om_Kalthoum", "om_kalthoum"), ("@sara", "sara"), ("123", "123")])
def test_capitals_are_made_small(given: str, handle: str) -> None:
    assert clean_handle(given) == small_handle(given) == handle


@pytest.mark.parametrize("given", ["", "ab", "x" * 31, "a b c", "@@sara", "سارة", "\u212aelvin", "a\x00bc", "sara\n"])
def test_others_are_refused_by_name(given: str) -> None:
    assert small_handle(given) is None
    with pytest.raises(AppError) as caught:
        clean_handle(given)
    assert caught.value.field_violations[0].field == "handle"
