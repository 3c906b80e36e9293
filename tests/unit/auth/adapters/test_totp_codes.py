"""Codes of authenticator apps: RFC 6238's vectors, one step either way, each step once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.adapters.totp_codes import TotpCodes

TOTP = TotpCodes()
# Appendix B of the RFC; it shows eight digits, of which apps show the last six.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "94287082"),
    (1_111_111_109, "07081804"),
    (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"),
    (2_000_000_000, "69279037"),
    (20_000_000_000, "65353130"),
]


def at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "digits"), VECTORS)
def test_the_vectors_of_the_rfc(seconds: int, digits: str) -> None:
    assert TOTP.matching_step(SECRET, digits[-6:], at(seconds), 0) == seconds // 30
    assert TOTP.matching_step(SECRET, digits[-6:], at(seconds + 61), 0) is None


@given(st.integers(10**6, 10**11), st.integers(-3, 3), st.binary(min_size=20, max_size=20))
def test_one_step_either_way_and_none_twice(seconds: int, away: int, secret: bytes) -> None:
    step = seconds // 30 + away
    code = pyotp.TOTP(TOTP.base32(secret)).generate_otp(step)
    found = TOTP.matching_step(secret, code, at(seconds), 0)
    if abs(away) <= 1:
        assert found is not None
        assert TOTP.matching_step(secret, code, at(seconds), found) is None
    else:
        # Two steps may have one code, once in a million.
        assert found is None or pyotp.TOTP(TOTP.base32(secret)).generate_otp(found) == code


def test_secrets_are_new_and_readable_by_apps() -> None:
    secret = TOTP.new_secret()
    assert len(secret) == 20
    assert secret != TOTP.new_secret()
    uri = urlsplit(TOTP.uri(secret, "+2010*****67"))
    query = parse_qs(uri.query)
    assert (uri.scheme, uri.netloc, query["issuer"]) == ("otpauth", "totp", ["DAIRA"])
    assert base64.b32decode(query["secret"][0]) == secret
