"""One line a call: method, code, milliseconds, and who asked by id."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import structlog

from services.chassis import context as call_context
from services.chassis.interceptors.layer import Behaviour, Context

_log = structlog.get_logger("rpc")


class LoggingLayer:
    """Logs every call once, when it ends. Nothing of the request or the answer is in the line."""

    name = "logging"

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour with a line after it."""

        async def answer(request: Any, context: Context) -> Any:
            started = time.perf_counter()
            code = "OK"
            try:
                return await behaviour(request, context)
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except BaseException:
                code = status_name(context)
                raise
            finally:
                identity = call_context.current().identity
                _log.info(
                    "rpc",
                    method=method,
                    code=code,
                    ms=round((time.perf_counter() - started) * 1000, 2),
                    user_id=identity.user_id if identity is not None and identity.user_id else None,
                    caller=identity.service if identity is not None and identity.service else None,
                )

        return answer


def status_name(context: Context) -> str:
    """The name of the status that the call ends with after an error."""
    code: Any = context.code()
    return code.name if isinstance(code, grpc.StatusCode) and code is not grpc.StatusCode.OK else "UNKNOWN"
