"""The public keys of access tokens: fetched when needed, kept when their source is away."""

from __future__ import annotations

import asyncio
import json
from typing import Final, Protocol

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.chassis.clock import Clock
from services.chassis.errors import AppError, unavailable

_MAX_KEYS: Final = 32
# A key that was revoked is refused within a minute: of which auth's replicas take ten seconds to hear of it.
_MAX_AGE_S: Final = 20.0
_TOO_OLD_S: Final = 45.0
# Tokens naming unknown keys are cheap to make: they may cause one fetch in this time.
_MIN_REFRESH_INTERVAL_S: Final = 5.0

_log = structlog.get_logger(__name__)


class JwksSource(Protocol):
    """Where the key set comes from."""

    async def fetch(self) -> str:
        """The key set as RFC 7517 JSON. Any exception means that the source is away."""
        ...


class KeySet:
    """Ed25519 public keys by kid. `generation` grows when the set changes."""

    def __init__(self, source: JwksSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._keys: dict[str, OKPKey] = {}
        self._fingerprint = ""
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._last_failed = False
        self._refreshing: asyncio.Task[None] | None = None
        self.generation = 0

    async def find(self, kid: str) -> OKPKey | None:
        """The key, or None when the source does not have it.

        AppError UNAVAILABLE when the key is unknown and the source could not be asked.
        """
        key = self._keys.get(kid)
        if key is not None:
            self.refresh_when_old()
            return key
        if self._refreshing is not None or self._may_ask(_MIN_REFRESH_INTERVAL_S):
            await asyncio.shield(self._start_refresh())
        key = self._keys.get(kid)
        if key is None and self._last_failed:
            raise unavailable("the keys to check this token are not at hand", retry_after_ms=1000)
        return key

    async def load(self) -> bool:
        """Fetch the keys now; False when the source is away. A readiness check."""
        if self._fetched_at is None and (self._refreshing is not None or self._may_ask(0.2)):
            await asyncio.shield(self._start_refresh())
        return self._fetched_at is not None

    def refresh_when_old(self) -> None:
        """Start a refresh in the background when the keys are old; the caller does not wait."""
        now = self._clock.monotonic()
        old = self._fetched_at is None or now - self._fetched_at >= _MAX_AGE_S
        if old and self._refreshing is None and self._may_ask(_MIN_REFRESH_INTERVAL_S):
            self._start_refresh()

    def are_too_old(self) -> bool:
        """Whether nobody asked for so long that a key may have been revoked since; false while the source is away."""
        if self._fetched_at is None or self._last_failed:
            return False
        return self._clock.monotonic() - self._fetched_at >= _TOO_OLD_S

    async def refresh(self) -> None:
        """Wait for newer keys; when there are none to be had, those at hand stay good."""
        await asyncio.shield(self._start_refresh())

    def _may_ask(self, interval_s: float) -> bool:
        return self._tried_at is None or self._clock.monotonic() - self._tried_at >= interval_s

    def _start_refresh(self) -> asyncio.Task[None]:
        if self._refreshing is None:
            self._tried_at = self._clock.monotonic()
            self._refreshing = asyncio.create_task(self._refresh())
        return self._refreshing

    async def _refresh(self) -> None:
        try:
            text = await self._source.fetch()
            self._replace(text)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the source, the keys at hand stay good
            self._last_failed = True
            _log.warning("jwks_fetch_failed", error=_describe(error), keys_kept=len(self._keys))
        else:
            self._last_failed = False
            self._fetched_at = self._clock.monotonic()
        finally:
            self._refreshing = None

    def _replace(self, text: str) -> None:
        if text == self._fingerprint:
            return
        keys: dict[str, OKPKey] = {}
        for jwk in json.loads(text)["keys"][:_MAX_KEYS]:
            if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or "d" in jwk:
                continue
            try:
                key = OKPKey.import_key(jwk)
            except (JoseError, ValueError):
                continue
            keys[str(jwk["kid"])] = key
        if not keys:
            raise ValueError("the key set has no Ed25519 public key")
        self._keys = keys
        self._fingerprint = text
        self.generation += 1


def _describe(error: Exception) -> str:
    return error.reason if isinstance(error, AppError) else type(error).__name__
