"""The ASGI application: which address is answered by what."""

from __future__ import annotations

from typing import Final, Protocol

import orjson
import structlog

from gateway.http import negotiation
from gateway.http.asgi import ClientGone, Receive, Refused, Request, Response, Scope, Send
from gateway.http.endpoint import GraphQLEndpoint, error_response
from gateway.http.event_stream import EventStream
from gateway.http.graphiql import PREFIX, GraphiQL

_READING: Final = frozenset({"GET", "HEAD"})
_PAGES: Final = frozenset({"/", "/graphiql"})

_log = structlog.get_logger(__name__)


class Readiness(Protocol):
    """Whether traffic should come here."""

    @property
    def draining(self) -> bool:
        """Whether this process is about to end."""
        ...

    def ready(self) -> bool:
        """True when it should."""
        ...

    def states(self) -> dict[str, str]:
        """What is known of each backend, and whether this process drains."""
        ...


class App:
    """The gateway as uvicorn runs it."""

    def __init__(self, endpoint: GraphQLEndpoint, readiness: Readiness, graphiql: GraphiQL | None) -> None:
        self._endpoint = endpoint
        self._readiness = readiness
        self._graphiql = graphiql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        request = Request.from_scope(scope)
        try:
            response = await self._respond(request, receive)
        except ClientGone:
            return
        except Exception:  # noqa: BLE001 - the last place that can still answer
            _log.exception("request_failed", path=request.path)
            response = error_response(Refused(500, "INTERNAL_SERVER_ERROR", "internal error"))
        if self._readiness.draining:
            # Whoever keeps this connection open should come back through the balancer.
            response.headers["connection"] = "close"
        await response.send(send, receive, head_only=request.method == "HEAD")

    async def _respond(self, request: Request, receive: Receive) -> Response | EventStream:
        if request.path == "/graphql":
            return await self._endpoint.respond(request, receive)
        found = self._page(request)
        if found is None:
            return error_response(Refused(404, "NOT_FOUND", "there is nothing here; GraphQL is at /graphql"))
        if request.method not in _READING:
            return error_response(Refused(405, "METHOD_NOT_ALLOWED", "use GET", {"allow": "GET, HEAD"}))
        return found

    def _page(self, request: Request) -> Response | None:
        if request.path == "/healthz":
            return Response(200, b"ok\n")
        if request.path == "/readyz":
            states = orjson.dumps(self._readiness.states())
            return Response(200 if self._readiness.ready() else 503, states, "application/json; charset=utf-8")
        if self._graphiql is None:
            return None
        if request.path in _PAGES and negotiation.accepts_html(request.headers.get("accept")):
            return self._graphiql.page()
        return self._graphiql.file(request) if request.path.startswith(PREFIX) else None
