"""/graphql: one GraphQL request over HTTP, by the GraphQL-over-HTTP specification."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator
from typing import Final

import orjson

from gateway.execution import LATE, Engine, GraphQLRequest, MutationOverGet, Outcome
from gateway.http import negotiation, parameters
from gateway.http.asgi import PREFLIGHT_HEADERS, ClientGone, Receive, Refused, Request, Response, read_body
from gateway.http.client_address import client_address
from gateway.http.event_stream import EventStream
from gateway.http.watch import Watch
from gateway.telemetry import GatewayMetrics
from services.chassis import context
from services.chassis.context import RequestContext
from services.chassis.dpop import OnceOnly
from services.chassis.errors import AppError
from services.chassis.interceptors.request_context import new_request_id

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_AUTHORIZATION: Final = re.compile(r"(?i:(bearer|dpop)) +([A-Za-z0-9._~+/=-]{1,4096})")
_DPOP_OFFER: Final = 'DPoP algs="ES256 EdDSA", error="invalid_dpop_proof"'
_FOREIGN_SITES: Final = frozenset({"cross-site", "same-site"})
_NO_STORE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"vary", b"accept"))
_CLOSE: Final = {"connection": "close"}
_BODY_TIMEOUT_S: Final = 10.0
# The backends' own deadlines end a request; this only catches what would not heed them.
_OVERTIME_S: Final = 1.0


class GraphQLEndpoint:
    """Answers requests to /graphql; at most `in_flight_max` at a time, and `streams_max` streams of events.

    Streams end when `ending` is set. `proofs` takes each proof of possession once. So many `trusted_proxies` stand in
    front and say whom they speak for.
    """

    def __init__(
        self,
        engine: Engine,
        metrics: GatewayMetrics,
        ending: asyncio.Event,
        *,
        timeout_s: float,
        in_flight_max: int,
        streams_max: int,
        proofs: OnceOnly,
        trusted_proxies: int = 0,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._ending = ending
        self._timeout_s = timeout_s
        self._in_flight_max = in_flight_max
        self._streams_max = streams_max
        self._proofs = proofs
        self._trusted_proxies = trusted_proxies
        self.in_flight = 0
        self.streams = 0

    async def respond(self, request: Request, receive: Receive) -> Response | EventStream:
        """The response to any method; ClientGone when there is nobody to answer."""
        started = time.monotonic()
        request_id = _request_id(request)
        media = negotiation.response_type(request.headers.get("accept"))
        self.in_flight += 1
        response: Response | EventStream
        try:
            if negotiation.wants_events(request.headers.get("accept")):
                response = await self._event_stream(request, receive, request_id)
            else:
                response = await self._guarded(request, receive, request_id, media)
        except Refused as refusal:
            response = error_response(refusal, media)
        finally:
            self.in_flight -= 1
        response.encoded = _NO_STORE
        response.headers["x-request-id"] = request_id
        self._metrics.answered(response.status, time.monotonic() - started)
        return response

    async def _guarded(self, request: Request, receive: Receive, request_id: str, media: str | None) -> Response:
        self._admit(request)
        if media is None:
            raise Refused(406, "NOT_ACCEPTABLE", f"this address answers {negotiation.GRAPHQL} or {negotiation.JSON}")
        watch = Watch(receive, body_s=_BODY_TIMEOUT_S, answer_s=self._timeout_s + _OVERTIME_S)
        try:
            async with watch:
                outcome = await self._outcome(request, receive, request_id, watch)
        except TimeoutError as error:
            if not watch.answering:
                raise Refused(408, "REQUEST_TIMEOUT", "the body did not come in time", _CLOSE) from error
            outcome = LATE
        except ClientGone:
            self._metrics.gone.inc()
            raise
        for code in outcome.codes:
            self._metrics.errors.labels(code).inc()
        # A request error under the older media type is 200, for clients that read bodies of 200 only.
        status = 200 if outcome.executed or media == negotiation.JSON else 400
        return Response(status, outcome.body, f"{media}; charset=utf-8")

    def _admit(self, request: Request) -> None:
        if request.method not in {"GET", "POST"}:
            raise Refused(405, "METHOD_NOT_ALLOWED", "use GET or POST", {"allow": "GET, POST"})
        if self.in_flight > self._in_flight_max:
            raise Refused(503, "RATE_LIMITED", "too many requests at once", {"retry-after": "1"})

    async def _event_stream(self, request: Request, receive: Receive, request_id: str) -> EventStream:
        self._admit(request)
        if self.streams >= self._streams_max or self._ending.is_set():
            raise Refused(503, "RATE_LIMITED", "too many streams at once", {"retry-after": "5"})
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                parsed = await _parameters(request, receive)
        except TimeoutError as error:
            raise Refused(408, "REQUEST_TIMEOUT", "the body did not come in time", _CLOSE) from error
        is_bound, bearer, dpop = self._credentials(request)
        current = RequestContext(
            request_id=request_id,
            method="graphql",
            bearer=bearer,
            is_bound=is_bound,
            dpop=dpop,
            client_address=self._client(request),
        )
        self.streams += 1
        self._metrics.streams.inc()
        return EventStream(
            self._counted(parsed, read_only=request.method == "GET"), current, self._ending, self._stream_ended
        )

    def _credentials(self, request: Request) -> tuple[bool, str, str]:
        """Whether the access token is bound, the token, and the proof of possession; a proof is taken once.

        Texts are "" when there is none. Beside a token that is not bound a proof is for those that are asked for.
        """
        scheme, token = _authorization(request)
        is_bound, proof = scheme == "dpop", request.headers.get("dpop", "")
        if not proof and not is_bound:
            return False, token, ""
        try:
            self._proofs.thumbprint(proof, access_token=token if is_bound else "", http_method=request.method)
        except AppError as error:
            raise Refused(401, "UNAUTHENTICATED", error.message, {"www-authenticate": _DPOP_OFFER}) from error
        return is_bound, token, proof

    async def _counted(self, parsed: GraphQLRequest, *, read_only: bool) -> AsyncGenerator[Outcome]:
        async with contextlib.aclosing(self._engine.events(parsed, read_only=read_only)) as outcomes:
            async for outcome in outcomes:
                for code in outcome.codes:
                    self._metrics.errors.labels(code).inc()
                yield outcome

    def _client(self, request: Request) -> str:
        return client_address(request.peer, request.headers.get("x-forwarded-for", ""), self._trusted_proxies)

    def _stream_ended(self) -> None:
        self.streams -= 1
        self._metrics.streams.dec()

    async def _outcome(self, request: Request, receive: Receive, request_id: str, watch: Watch) -> Outcome:
        parsed = await _parameters(request, receive)
        is_bound, bearer, dpop = self._credentials(request)
        current = RequestContext(
            request_id=request_id,
            method="graphql",
            deadline_monotonic=time.monotonic() + self._timeout_s,
            bearer=bearer,
            is_bound=is_bound,
            dpop=dpop,
            client_address=self._client(request),
        )
        watch.answer()
        with context.bind(current):
            try:
                return await self._engine.run(parsed, read_only=request.method == "GET")
            except MutationOverGet as error:
                message = "GET is for queries; send mutations by POST"
                raise Refused(405, "METHOD_NOT_ALLOWED", message, {"allow": "POST"}) from error


async def _parameters(request: Request, receive: Receive) -> GraphQLRequest:
    if request.method == "GET":
        _refuse_foreign_page(request)
        return parameters.from_query_string(request.query_string)
    if not negotiation.is_utf8_json(request.headers.get("content-type")):
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "send application/json in UTF-8")
    return parameters.from_body(await read_body(request, receive))


def error_response(refusal: Refused, media: str | None = None) -> Response:
    """A refusal as a GraphQL response without data."""
    error = {"message": refusal.message, "extensions": {"code": refusal.code}}
    body = orjson.dumps({"errors": [error]})
    return Response(refusal.status, body, f"{media or negotiation.JSON}; charset=utf-8", dict(refusal.headers))


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


def _authorization(request: Request) -> tuple[str, str]:
    """Scheme, in lower case, and token of the header; both "" without one."""
    header = request.headers.get("authorization")
    if header is None or not header.strip():
        return "", ""
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        message = "the authorization header must be a bearer or DPoP token"
        raise Refused(401, "UNAUTHENTICATED", message, {"www-authenticate": "Bearer"})
    return found.group(1).lower(), found.group(2)


def _refuse_foreign_page(request: Request) -> None:
    """A page of another site may not read through a visitor's browser what a plain link can ask for.

    Browsers say where a request comes from; a header that a page may send only after a preflight says it may.
    """
    if any(name in request.headers for name in (*PREFLIGHT_HEADERS, "authorization")):
        return
    if request.headers.get("sec-fetch-site") in _FOREIGN_SITES:
        raise Refused(403, "CSRF_REFUSED", f"send a {PREFLIGHT_HEADERS[0]} header, or use POST with JSON")
