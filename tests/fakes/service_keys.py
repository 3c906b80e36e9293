"""Keys of services under test: each its own, made from its name, and all of them in one trust bundle."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from dev.home import SERVICES
from dev.service_keys import trust_bundle
from services.chassis.clock import Clock, SystemClock
from services.chassis.service_tokens import ServiceTokens, ServiceVerifier, SigningSeed, TrustBundle

STRANGERS = ("friend", "stranger")


def signing_key(service: str) -> str:
    """The value of SERVICE_SIGNING_KEY of a service; opens nothing outside of tests."""
    return urlsafe_b64encode(hashlib.sha256(f"tests only: {service}".encode()).digest()).rstrip(b"=").decode()


def seed(service: str) -> SigningSeed:
    return SigningSeed.from_text(signing_key(service))


BUNDLE_TEXT = trust_bundle({service: signing_key(service) for service in (*SERVICES, *STRANGERS)})
BUNDLE = TrustBundle.parse(BUNDLE_TEXT)


def identity_settings(service: str) -> dict[str, str]:
    """What a service's process reads of its identity."""
    return {"SERVICE_SIGNING_KEY": signing_key(service), "SERVICE_TRUST_BUNDLE": BUNDLE_TEXT}


def service_token(service: str, audience: str, clock: Clock | None = None) -> str:
    """A token of a service for another."""
    return ServiceTokens(seed(service), service, clock or SystemClock()).to(audience).mint()


def verifier_of(service: str) -> ServiceVerifier:
    """How a service tells others apart."""
    return ServiceVerifier(BUNDLE, service)
