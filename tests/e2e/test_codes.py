"""Enrolling with a phone alone: a code, read where a developer reads it, a profile, and another sign-in."""

from __future__ import annotations

import asyncio
import re
import secrets
import time

import asyncpg
import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform

PATIENCE_S = 20.0
DEVICE, TABLET = "موبايل هدى", "تابلت هدى"
SEND = "mutation($input: SendCodeInput!) { sendCode(input: $input) { flowToken expiresAt resendAt } }"
REDEEM = """mutation($input: RedeemCodeInput!) { redeemCode(input: $input) {
  userId isNewAccount tokens { accessToken } challenge { factors } profile { displayName } } }"""
MAKE_PROFILE = """mutation($input: CreateProfileInput!) { createProfile(input: $input) { profile { displayName } } }"""

pytestmark = [pytest.mark.timeout(300)]


def code_for(platform: ScratchPlatform, phone: str, *, other_than: str = "") -> str:
    """The newest code in the inbox, as `daira codes` shows it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = re.findall(r"DAIRA code: (\d{6})", platform.daira("codes", "--phone", phone, "--count", "1").stdout)
        if found and found[-1] != other_than:
            return str(found[-1])
        time.sleep(0.2)
    raise TimeoutError("no code came")


async def a_minute_later(platform: ScratchPlatform) -> None:
    """One number gets one code a minute; the windows that are open now end."""
    connection = await asyncpg.connect(platform.endpoints["AUTH_DATABASE_URL"])
    try:
        await connection.execute("DELETE FROM code_budgets")
    finally:
        await connection.close()


def in_arabic_digits(text: str) -> str:
    return text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))


def test_a_phone_in_arabic_digits_enrols_makes_a_profile_and_signs_in_again(empty_platform: ScratchPlatform) -> None:
    digits = f"010{secrets.randbelow(10**8):08d}"
    device = secrets.token_urlsafe(24)
    sent = {"phone": in_arabic_digits(digits), "deviceId": device, "idempotencyKey": secrets.token_hex(8)}
    flow = empty_platform.graphql(SEND, {"input": sent})["sendCode"]
    again = empty_platform.graphql(SEND, {"input": {**sent, "phone": f"+2{digits}"}})["sendCode"]
    assert again == flow, "one number in two spellings, one key: one code"
    code = code_for(empty_platform, digits)

    wrong = {"flowToken": flow["flowToken"], "code": f"{(int(code) + 1) % 10**6:06d}", "deviceId": device}
    with pytest.raises(GraphQLError) as refusal:
        empty_platform.graphql(REDEEM, {"input": wrong})
    assert "UNAUTHENTICATED" in refusal.value.codes

    right = {"flowToken": flow["flowToken"], "code": in_arabic_digits(code), "deviceId": device, "deviceName": DEVICE}
    made = empty_platform.graphql(REDEEM, {"input": right})["redeemCode"]
    assert made["isNewAccount"]
    assert (made["challenge"], made["profile"]) == (None, None)
    token = made["tokens"]["accessToken"]
    profile = {"handle": f"huda_{digits[3:]}", "displayName": "هدى"}
    empty_platform.graphql(MAKE_PROFILE, {"input": profile}, token)

    with pytest.raises(GraphQLError) as too_soon:
        empty_platform.graphql(SEND, {"input": {**sent, "idempotencyKey": secrets.token_hex(8)}})
    assert "RATE_LIMITED" in too_soon.value.codes
    repeated = empty_platform.graphql(REDEEM, {"input": right})["redeemCode"]
    assert repeated["userId"] == made["userId"], "the answer was lost: the same session again"
    assert repeated["profile"] == {"displayName": "هدى"}

    asyncio.run(a_minute_later(empty_platform))
    tablet = secrets.token_urlsafe(24)
    sent = {"phone": digits, "deviceId": tablet, "idempotencyKey": secrets.token_hex(8)}
    flow = empty_platform.graphql(SEND, {"input": sent})["sendCode"]
    right = {
        "flowToken": flow["flowToken"],
        "code": code_for(empty_platform, digits, other_than=code),
        "deviceId": tablet,
        "deviceName": TABLET,
    }
    back = empty_platform.graphql(REDEEM, {"input": right})["redeemCode"]
    assert (back["userId"], back["isNewAccount"]) == (made["userId"], False)
    me = empty_platform.graphql("{ me { id } }", token=back["tokens"]["accessToken"])["me"]
    assert me == {"id": made["userId"]}
