"""Innermost: who is calling, and whether the method admits them."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from services.chassis import context as call_context
from services.chassis.access import AccessTable
from services.chassis.clock import Clock
from services.chassis.errors import denied, unauthenticated
from services.chassis.interceptors.layer import Behaviour, Context
from services.chassis.tokens import TokenVerifier

_SCHEME: Final = "bearer "


class AuthenticationLayer:
    """Verifies the bearer token and applies the method's access rule. A token that is sent must be valid, always."""

    name = "authentication"

    def __init__(self, access_table: AccessTable, verifier: TokenVerifier | None, clock: Clock) -> None:
        if verifier is None and access_table.needs_tokens():
            raise ValueError("methods that need tokens need a verifier")
        self._access_table = access_table
        self._verifier = verifier
        self._clock = clock

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour behind its door."""
        rule = self._access_table.rule(method)
        verifier, clock = self._verifier, self._clock

        async def answer(request: Any, context: Context) -> Any:
            if rule is None:
                raise denied("this method admits nobody")
            current = call_context.current()
            current.bearer = bearer_token(current.bearer)
            if current.bearer and verifier is not None:
                current.identity = await verifier.verify(current.bearer)
            rule.check(current.identity, clock.now_ms() // 1000, request)
            if current.identity is not None and verifier is not None:
                verifier.require_fresh(current.identity, is_read=rule.is_read)
                current.recheck = partial(verifier.check_revoked, current.identity)
            return await behaviour(request, context)

        return answer


def bearer_token(authorization: str) -> str:
    """The token of an authorization header, '' when there is none; AppError UNAUTHENTICATED for another scheme."""
    if not authorization:
        return ""
    if authorization[: len(_SCHEME)].lower() != _SCHEME or not authorization[len(_SCHEME) :].strip():
        raise unauthenticated("TOKEN_INVALID", "the authorization header is not a bearer token")
    return authorization[len(_SCHEME) :].strip()
