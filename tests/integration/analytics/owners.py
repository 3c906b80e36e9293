"""A stand-in for the owner of a log: a server with any events and a key set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
from joserfc import jwt
from joserfc.jwk import OKPKey

from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc, session_service_pb2, session_service_pb2_grpc
from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc, events_pb2
from services.chassis.clock import SystemClock
from services.chassis.redis_client import RedisClient
from services.chassis.stream_event import StreamEvent
from services.chassis.tokens import USER_JWT_TYPE
from tests.fakes.user_claims import user_claims

NOW = datetime.now(UTC).replace(microsecond=0)


def event(pos: int, kind: str, *, service: str = "social", at: datetime = NOW, **values: Any) -> events_pb2.Event:
    """An event; values that are no field of the envelope go into the payload. Its id is its position, per service."""
    made = events_pb2.Event(
        pos=pos,
        event_id=pos * 10 + len(service),
        service=service,
        actor_id=int(values.pop("actor_id", 1)),
        aggregate_id=int(values.pop("aggregate_id", 2)),
    )
    made.occurred_at.FromDatetime(at)
    payload = getattr(made, kind)
    payload.SetInParent()
    for name, value in values.items():
        setattr(payload, name, value)
    return made


def stream_events(events: Sequence[events_pb2.Event]) -> list[StreamEvent]:
    return [StreamEvent(each.pos, each.SerializeToString()) for each in events]


async def publish(redis: RedisClient, service: str, events: Sequence[events_pb2.Event]) -> None:
    """Put the events where a relay would."""
    for each in events:
        await redis.xadd(f"events:{service}", {"e": each.SerializeToString()}, id=f"{each.pos}-0")


def some_events(count: int, *, author_id: int, first: int = 1, at: datetime = NOW) -> list[events_pb2.Event]:
    """Likes of the author's posts, a second apart into the past."""
    return [
        event(pos, "post_liked", author_id=author_id, actor_id=pos, at=at - timedelta(seconds=pos))
        for pos in range(first, first + count)
    ]


class Owners(
    event_log_service_pb2_grpc.EventLogServiceServicer,
    auth_service_pb2_grpc.AuthServiceServicer,
    session_service_pb2_grpc.SessionServiceServicer,
):
    """One service: the owner of a log and, as auth, of the keys."""

    def __init__(self) -> None:
        self.events: list[events_pb2.Event] = []
        self.reads = 0
        self._key = OKPKey.generate_key("Ed25519", {"kid": "k"})
        self._server = grpc.aio.server()
        event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server(self, self._server)
        auth_service_pb2_grpc.add_AuthServiceServicer_to_server(self, self._server)
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(0)

    async def ListEvents(  # noqa: N802 - the RPC's name
        self, request: Any, context: Any
    ) -> event_log_service_pb2.ListEventsResponse:
        self.reads += 1
        assert any(key == "authorization" for key, _ in context.invocation_metadata())
        after = [each for each in self.events if each.pos > request.after_pos]
        return event_log_service_pb2.ListEventsResponse(
            events=after[: request.page_size], head_pos=self.events[-1].pos if self.events else 0
        )

    async def GetJwks(  # noqa: N802 - the RPC's name
        self, _request: Any, _context: Any
    ) -> auth_service_pb2.GetJwksResponse:
        keys = {"keys": [self._key.as_dict(private=False)]}
        return auth_service_pb2.GetJwksResponse(jwks_json=json.dumps(keys))

    async def ListRevocations(  # noqa: N802 - the RPC's name
        self, _request: Any, _context: Any
    ) -> session_service_pb2.ListRevocationsResponse:
        return session_service_pb2.ListRevocationsResponse(snapshot="3:3:")

    def token(self, user_id: int) -> str:
        """An access token as auth signs it."""
        claims = user_claims(user_id, SystemClock().now_ms() // 1000)
        header = {"alg": "EdDSA", "typ": USER_JWT_TYPE, "kid": "k"}
        return jwt.encode(header, claims, self._key, algorithms=["EdDSA"])


def make_owner() -> Owners:
    """An owner; of auth's methods it has only those that analytics calls."""
    return Owners()  # type: ignore[abstract]
