"""Passkeys against an authenticator of software, and against whatever anybody sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.adapters.webauthn_passkeys import WebauthnPasskeys
from services.auth.application.factor_records import StoredCredential, StoredPasskey
from tests.fakes.software_authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    PRESENT,
    VERIFIED,
    SoftwareAuthenticator,
    base64url,
    from_base64url,
)

PASSKEYS = WebauthnPasskeys("localhost", ["http://localhost:8080", "android:apk-key-hash:abc"])
SIGN = bytes(range(32))
USER = 42


def enrolled(device: SoftwareAuthenticator) -> StoredPasskey:
    made = PASSKEYS.verify_registration(device.create(PASSKEYS.creation_options(USER, "m", SIGN, ())), SIGN)
    assert made is not None
    return StoredPasskey(1, USER, made.public_key, made.is_backup_eligible)


@pytest.mark.parametrize("flags", [PRESENT | VERIFIED, PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP])
def test_a_passkey_is_made_and_proved(flags: int) -> None:
    device = SoftwareAuthenticator(flags=flags, origin="android:apk-key-hash:abc")
    stored = enrolled(device)
    said = device.get(PASSKEYS.request_options(SIGN, ()))
    assertion = PASSKEYS.read_assertion(said)
    assert assertion is not None
    assert (assertion.credential_id, assertion.user_handle) == (device.credential_id, PASSKEYS.user_handle(USER))
    used = PASSKEYS.verify_assertion(said, SIGN, stored)
    assert used is not None
    assert (used.factor_id, used.sign_count, used.is_backed_up) == (1, 1, bool(flags & BACKED_UP))
    assert PASSKEYS.verify_assertion(said, bytes(32), stored) is None


def test_any_byte_changed_in_what_is_signed_is_refused() -> None:
    device = SoftwareAuthenticator()
    stored = enrolled(device)
    said = json.loads(device.get(PASSKEYS.request_options(SIGN, ())))
    data = bytearray(from_base64url(said["response"]["authenticatorData"]))
    for place in range(len(data)):
        data[place] ^= 1
        said["response"]["authenticatorData"] = base64url(bytes(data))
        assert PASSKEYS.verify_assertion(json.dumps(said), SIGN, stored) is None
        data[place] ^= 1
    said["response"]["authenticatorData"] = base64url(bytes(data))
    assert PASSKEYS.verify_assertion(json.dumps(said), SIGN, stored) is not None


def test_the_passkeys_there_are_are_named_in_both_options() -> None:
    stored = [StoredCredential(b"one", ("internal",)), StoredCredential(b"two", ())]
    creation = json.loads(PASSKEYS.creation_options(USER, "+2010*****67", SIGN, stored))
    request = json.loads(PASSKEYS.request_options(SIGN, stored))
    expected = [base64url(b"one"), base64url(b"two")]
    assert [each["id"] for each in creation["excludeCredentials"]] == expected
    assert [each["id"] for each in request["allowCredentials"]] == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle", "transports")


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.binary(max_size=80).map(base64url)),
    st.dictionaries(st.sampled_from(("id", "rawId", "type")), JSON | st.just("public-key") | st.just("YQ")),
)
def test_whatever_is_sent_is_answered_with_no_and_nothing_else(response: Any, outer: Any) -> None:
    text = json.dumps({**outer, "response": response})
    stored = enrolled(DEVICE)
    assert PASSKEYS.verify_registration(text, SIGN) is None
    assert PASSKEYS.verify_assertion(text, SIGN, stored) is None
    PASSKEYS.read_assertion(text)


DEVICE = SoftwareAuthenticator()


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, '{"response": 1}', '{"response": {}}', "x" * 10**6]
)
def test_what_is_no_answer_is_none(text: str) -> None:
    assert PASSKEYS.read_assertion(text) is None
    assert PASSKEYS.verify_registration(text, SIGN) is None


def test_without_a_domain_all_is_refused() -> None:
    device, closed = SoftwareAuthenticator(), WebauthnPasskeys("", [])
    stored = enrolled(device)
    assert not closed.is_open
    assert closed.verify_assertion(device.get(PASSKEYS.request_options(SIGN, ())), SIGN, stored) is None
