"""What is secret of an instrument, sealed: readable only with our key, and only as this instrument of this person."""

from __future__ import annotations

import hashlib
import hmac
import json

from services.payments.domain.instruments import Instrument
from services.sealing.seal import Seal, derive_key


class InstrumentBox:
    """AES-256-GCM for what is read again, HMAC-SHA256 for what is only compared, each under a key of its own."""

    def __init__(self, root_key: bytes) -> None:
        self._seal = Seal(derive_key(root_key, b"daira instrument seal v1"), "instrument")
        self._compare = derive_key(root_key, b"daira instrument fingerprint v1")

    def seal(self, instrument_id: int, instrument: Instrument) -> bytes:
        """Account, name and identity number, sealed."""
        secrets = [instrument.account, instrument.holder_name, instrument.national_id]
        return self._seal.seal(json.dumps(secrets).encode(), _place(instrument_id, instrument.user_id))

    def open(self, instrument_id: int, user_id: int, sealed: bytes) -> tuple[str, str, str]:
        """Account, name and identity number; ValueError when it was altered, or belongs elsewhere."""
        account, holder_name, national_id = json.loads(self._seal.open(sealed, _place(instrument_id, user_id)))
        return str(account), str(holder_name), str(national_id)

    def fingerprint(self, instrument: Instrument) -> bytes:
        """The same for the same account and holder, and telling nothing of either."""
        named = (instrument.network, instrument.account, instrument.holder_name, instrument.national_id)
        return hmac.digest(self._compare, "\0".join(named).encode(), hashlib.sha256)


def _place(instrument_id: int, user_id: int) -> bytes:
    return f"{instrument_id}:{user_id}".encode()
