"""Outermost: gives the call its context, and an id that follows it through logs and services."""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from services.chassis import context as call_context
from services.chassis.interceptors.layer import Behaviour, Context

FORWARDED_FOR_HEADER: Final = "x-forwarded-for"
REQUEST_ID_HEADER: Final = "x-request-id"
AUTHORIZATION_HEADER: Final = "authorization"
DPOP_HEADER: Final = "dpop"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContextLayer:
    """Binds a RequestContext for the length of the call; takes x-request-id from the caller or makes one."""

    name = "request_context"

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour inside a context of its own."""

        async def answer(request: Any, context: Context) -> Any:
            request_id = ""
            authorization = ""
            dpop = ""
            for key, value in context.invocation_metadata() or ():
                if key == REQUEST_ID_HEADER:
                    request_id = str(value)
                elif key == AUTHORIZATION_HEADER:
                    authorization = str(value)
                elif key == DPOP_HEADER:
                    dpop = str(value)
            if _REQUEST_ID.fullmatch(request_id) is None:
                request_id = new_request_id()
            with call_context.bind(
                call_context.RequestContext(request_id=request_id, method=method, bearer=authorization, dpop=dpop)
            ):
                return await behaviour(request, context)

        return answer


def new_request_id() -> str:
    """An id for a call that came without one."""
    return secrets.token_hex(12)
