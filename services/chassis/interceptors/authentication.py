"""Innermost: who is calling, and whether the method admits them."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from services.chassis import context as call_context
from services.chassis.access import AccessTable
from services.chassis.clock import Clock
from services.chassis.dpop import ProofChecker
from services.chassis.errors import denied, unauthenticated
from services.chassis.identity import Identity
from services.chassis.interceptors.layer import Behaviour, Context
from services.chassis.tokens import TokenVerifier

PeerReader: TypeAlias = Callable[[Context], Identity | None]
"""Tells which service called by what it proved of itself below this call, in a mesh."""

_BEARER: Final = "bearer"
_DPOP: Final = "dpop"


class AuthenticationLayer:
    """Verifies the bearer token and applies the method's access rule. A token that is sent must be valid, always."""

    name = "authentication"

    def __init__(
        self,
        access_table: AccessTable,
        verifier: TokenVerifier | None,
        clock: Clock,
        dpop_url: str = "",
        peers: PeerReader | None = None,
    ) -> None:
        if verifier is None and access_table.needs_tokens():
            raise ValueError("methods that need tokens need a verifier")
        self._access_table = access_table
        self._verifier = verifier
        self._clock = clock
        self._proofs = ProofChecker(dpop_url, clock)
        self._peers = peers

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour behind its door."""
        rule = self._access_table.rule(method)
        verifier, clock, proofs = self._verifier, self._clock, self._proofs
        # In a mesh services send no token; where they are not admitted, who sends none is nobody.
        peers = self._peers if rule is not None and rule.services else None

        async def answer(request: Any, context: Context) -> Any:
            if rule is None:
                raise denied("this method admits nobody")
            current = call_context.current()
            current.is_bound, current.bearer = read_authorization(current.bearer)
            if current.bearer and verifier is not None:
                current.identity = await verifier.verify(current.bearer)
                _check_possession(current, proofs)
            elif peers is not None:
                current.identity = peers(context)
            rule.check(current.identity, clock.now_ms() // 1000, request)
            if current.identity is not None and verifier is not None:
                verifier.require_fresh(current.identity, is_read=rule.is_read)
                current.recheck = partial(verifier.check_revoked, current.identity)
            return await behaviour(request, context)

        return answer


def read_authorization(authorization: str) -> tuple[bool, str]:
    """Whether a header's token comes as a bound one (scheme DPoP), and the token, "" when there is none.

    AppError UNAUTHENTICATED for another scheme.
    """
    if not authorization:
        return False, ""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() not in {_BEARER, _DPOP} or not token.strip():
        raise unauthenticated("TOKEN_INVALID", "the authorization header is neither a bearer nor a DPoP token")
    return scheme.lower() == _DPOP, token.strip()


def _check_possession(current: call_context.RequestContext, proofs: ProofChecker) -> None:
    """A bound token comes with a proof of its key, and never as a plain bearer (RFC 9449, section 7.1)."""
    identity = current.identity
    thumbprint = identity.key_thumbprint if identity is not None else ""
    if bool(thumbprint) != current.is_bound:
        raise unauthenticated("TOKEN_INVALID", "the token is bound to a key, or is not, as its scheme says")
    if current.is_bound and not hmac.compare_digest(
        thumbprint, proofs.thumbprint(current.dpop, access_token=current.bearer)
    ):
        raise unauthenticated("DPOP_PROOF_INVALID", "the proof is of another key")
