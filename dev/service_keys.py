"""Keys by which services know one another: made, and their public halves gathered into a trust bundle."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from dev.errors import DevError
from services.chassis.service_tokens import SEED_BYTES, SigningSeed, TrustBundle, spiffe_id


def new_signing_key() -> str:
    """A fresh value of SERVICE_SIGNING_KEY."""
    return urlsafe_b64encode(secrets.token_bytes(SEED_BYTES)).rstrip(b"=").decode()


def trust_bundle(signing_keys: Mapping[str, str]) -> str:
    """The value of SERVICE_TRUST_BUNDLE for the private keys of services, by name; ValueError for one that is none."""
    document = {
        spiffe_id(service): {"keys": [SigningSeed.from_text(key).public_jwk()]} for service, key in signing_keys.items()
    }
    return json.dumps(document, separators=(",", ":"))


def add_key(service: str, bundle: Path) -> str:
    """Make a key pair: its public half is added to the bundle's file; returns the private one. DevError."""
    key = new_signing_key()
    try:
        text = with_next_key(bundle.read_text("utf-8") if bundle.exists() else "", service, key)
        # All or nothing: whoever reads the file beside us never sees half a bundle.
        unfinished = bundle.with_name(f"{bundle.name}.tmp")
        unfinished.write_text(text, "utf-8")
        unfinished.rename(bundle)
    except ValueError as error:
        raise DevError(
            f"No key was made for {service}: {error}.", f"See what {bundle} lists, and take out what is no longer used."
        ) from error
    except OSError as error:
        raise DevError(f"{bundle} cannot be written: {error.strerror}.", "Name another file.") from error
    return key


def with_next_key(bundle: str, service: str, signing_key: str) -> str:
    """The bundle ("" for none yet) with another key of the service behind those it has.

    ValueError when it is no bundle, or has two keys of the service already.
    """
    if bundle:
        TrustBundle.parse(bundle)
    document = json.loads(bundle or "{}")
    document.setdefault(spiffe_id(service), {"keys": []})["keys"].append(
        SigningSeed.from_text(signing_key).public_jwk()
    )
    text = json.dumps(document, indent=1)
    TrustBundle.parse(text)
    return text
