"""What is known of the call being served, carried beside the code that serves it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from services.chassis.errors import unauthenticated
from services.chassis.identity import Identity, IdentityKind


@dataclass(slots=True)
class RequestContext:
    """One call.

    `deadline_monotonic` is on the scale of time.monotonic(). `bearer` is the caller's own token, bound to a key when
    `is_bound`; `dpop` is the proof of possession that came with it, or for the tokens that are asked for. `recheck`
    raises AppError UNAUTHENTICATED once the caller's session has ended: for calls that last. `client_address` is where
    a person's request came from, known to the gateway only.
    """

    request_id: str = ""
    method: str = ""
    identity: Identity | None = None
    deadline_monotonic: float | None = None
    bearer: str = field(default="", repr=False)
    is_bound: bool = False
    dpop: str = field(default="", repr=False)
    recheck: Callable[[], None] = field(default=lambda: None, repr=False)
    client_address: str = field(default="", repr=False)

    def remaining_s(self) -> float | None:
        """Seconds until the deadline, negative when it has passed; None without a deadline."""
        if self.deadline_monotonic is None:
            return None
        return self.deadline_monotonic - time.monotonic()


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current() -> RequestContext:
    """The context of the call being served; an empty one outside any call."""
    return _current.get() or RequestContext()


def require_user() -> int:
    """The signed-in caller's user id; AppError UNAUTHENTICATED when the caller is not a person."""
    user_id = viewer_id()
    if user_id == 0:
        raise unauthenticated("TOKEN_MISSING", "sign in first")
    return user_id


def viewer_id() -> int:
    """The signed-in caller's user id, or 0 for anyone else."""
    identity = current().identity
    return identity.user_id if identity is not None and identity.kind is IdentityKind.USER else 0


@contextlib.contextmanager
def bind(context: RequestContext) -> Iterator[RequestContext]:
    """Make `context` current inside the block: for interceptors, workers that act for somebody, and tests."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
