"""Passkeys by WebAuthn, with the `webauthn` library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import webauthn
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.auth.application.factor_records import (
    Assertion,
    PasskeyCredential,
    StoredCredential,
    StoredPasskey,
    UsedPasskey,
)

_NAME: Final = "DAIRA"
_TIMEOUT_MS: Final = 300_000
_MAX_JSON_CHARS: Final = 16_384
_MAX_CREDENTIAL_ID_BYTES: Final = 1023
_MAX_PUBLIC_KEY_BYTES: Final = 2048
_HANDLE_BYTES: Final = 8
_TRANSPORTS: Final = frozenset(transport.value for transport in AuthenticatorTransport)


class WebauthnPasskeys:
    """Passkeys of one relying party: `rp_id` is its domain, "" when none are taken; `origins` its pages and apps."""

    def __init__(self, rp_id: str, origins: Sequence[str]) -> None:
        self._rp_id = rp_id
        self._origins = list(origins)

    @property
    def is_open(self) -> bool:
        """Whether passkeys are taken here."""
        return bool(self._rp_id and self._origins)

    def user_handle(self, user_id: int) -> bytes:
        """The account's id, which says nothing of the person: 8 bytes, big-endian."""
        return user_id.to_bytes(_HANDLE_BYTES, "big")

    def creation_options(self, user_id: int, name: str, to_sign: bytes, existing: Sequence[StoredCredential]) -> str:
        """PublicKeyCredentialCreationOptionsJSON."""
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=_NAME,
            user_id=self.user_handle(user_id),
            user_name=name or _NAME,
            challenge=to_sign,
            timeout=_TIMEOUT_MS,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_descriptor(one) for one in existing],
        )
        return webauthn.options_to_json(options)

    def request_options(self, to_sign: bytes, allowed: Sequence[StoredCredential]) -> str:
        """PublicKeyCredentialRequestOptionsJSON."""
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=to_sign,
            timeout=_TIMEOUT_MS,
            allow_credentials=[_descriptor(one) for one in allowed],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return webauthn.options_to_json(options)

    def verify_registration(self, credential_json: str, to_sign: bytes) -> PasskeyCredential | None:
        """The new credential; None when anything is wrong with it."""
        parsed = _parse(credential_json)
        if parsed is None or not self.is_open:
            return None
        try:
            verified = webauthn.verify_registration_response(
                credential=parsed,
                expected_challenge=to_sign,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                require_user_verification=True,
            )
            if _is_framed_elsewhere(parsed):
                return None
        except Exception:  # noqa: BLE001 - anybody's bytes, through several libraries with errors of their own
            return None
        if (
            len(verified.credential_id) > _MAX_CREDENTIAL_ID_BYTES
            or len(verified.credential_public_key) > _MAX_PUBLIC_KEY_BYTES
        ):
            return None
        return PasskeyCredential(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=verified.aaguid,
            transports=_transports(parsed),
            is_backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            is_backed_up=verified.credential_backed_up,
        )

    def read_assertion(self, credential_json: str) -> Assertion | None:
        """What an answer names; None when it cannot be read."""
        parsed = _parse(credential_json)
        if parsed is None:
            return None
        try:
            handle = parsed["response"].get("userHandle")
            credential_id = base64url_to_bytes(parsed["rawId"])
            user_handle = base64url_to_bytes(handle) if handle else None
        except (KeyError, TypeError, AttributeError, ValueError):
            return None
        return Assertion(credential_id, user_handle) if len(credential_id) <= _MAX_CREDENTIAL_ID_BYTES else None

    def verify_assertion(self, credential_json: str, to_sign: bytes, stored: StoredPasskey) -> UsedPasskey | None:
        """The use of a passkey; None when anything is wrong with it."""
        parsed = _parse(credential_json)
        if parsed is None or not self.is_open:
            return None
        try:
            verified = webauthn.verify_authentication_response(
                credential=parsed,
                expected_challenge=to_sign,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=stored.public_key,
                # The counter is compared where it is stored, under the row's lock.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
            if _is_framed_elsewhere(parsed):
                return None
        except Exception:  # noqa: BLE001 - see above
            return None
        # What a passkey may be copied to is fixed when it is made (WebAuthn level 3, 7.2, step 19).
        if (verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE) is not stored.is_backup_eligible:
            return None
        return UsedPasskey(stored.factor_id, verified.new_sign_count, verified.credential_backed_up)


def _parse(credential_json: str) -> dict[str, Any] | None:
    if len(credential_json) > _MAX_JSON_CHARS:
        return None
    try:
        parsed = json.loads(credential_json)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and isinstance(parsed.get("response"), dict) else None


def _is_framed_elsewhere(parsed: dict[str, Any]) -> bool:
    """Whether a page of another origin had ours in a frame."""
    client_data = parse_client_data_json(base64url_to_bytes(parsed["response"]["clientDataJSON"]))
    return client_data.cross_origin is True


def _transports(parsed: dict[str, Any]) -> tuple[str, ...]:
    named = parsed["response"].get("transports")
    if not isinstance(named, list):
        return ()
    return tuple(sorted({each for each in named if isinstance(each, str)} & _TRANSPORTS))


def _descriptor(stored: StoredCredential) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(each) for each in stored.transports]
    return PublicKeyCredentialDescriptor(id=stored.credential_id, transports=transports or None)
