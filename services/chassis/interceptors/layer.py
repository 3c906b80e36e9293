"""The shape of an interceptor: a layer around the code that answers one method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import grpc.aio

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]


class Layer(Protocol):
    """One concern. It is asked once a method, so what depends on the method alone costs nothing a call."""

    @property
    def name(self) -> str:
        """Its name in ordering.ORDER."""
        ...

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour with this concern around it; `method` is a full name such as `/pkg.Service/Method`."""
        ...
