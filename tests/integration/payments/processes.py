"""The payments process under test, a stand-in for auth's keys, and callers with tokens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet as JwkSet
from joserfc.jwk import OKPKey

from daira.auth.v1 import auth_service_pb2, session_service_pb2
from daira.events.v1 import event_log_service_pb2_grpc
from daira.payments.v1 import payments_service_pb2 as pb
from daira.payments.v1 import payments_service_pb2_grpc
from dev import child
from dev.ports import free_port
from services.chassis.tokens import USER_JWT_TYPE
from tests.fakes.service_keys import identity_settings, service_token
from tests.fakes.user_claims import user_claims
from tests.stores import ROOT, SERVICE_SETTINGS

KID = "test-key"
READY_TIMEOUT_S = 60.0


class StandInAuth:
    """Serves one public key, and signs tokens with its private half."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519", parameters={"kid": KID, "use": "sig", "alg": "EdDSA"})
        self.server = grpc.server(ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(
            lambda _request, _context: self.key_set(),
            request_deserializer=auth_service_pb2.GetJwksRequest.FromString,
            response_serializer=auth_service_pb2.GetJwksResponse.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler("daira.auth.v1.AuthService", {"GetJwks": handler})
        quiet = grpc.unary_unary_rpc_method_handler(
            lambda _request, _context: session_service_pb2.ListRevocationsResponse(snapshot="3:3:"),
            request_deserializer=session_service_pb2.ListRevocationsRequest.FromString,
            response_serializer=session_service_pb2.ListRevocationsResponse.SerializeToString,
        )
        sessions = grpc.method_handlers_generic_handler("daira.auth.v1.SessionService", {"ListRevocations": quiet})
        self.server.add_generic_rpc_handlers((service, sessions))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def key_set(self) -> auth_service_pb2.GetJwksResponse:
        """The key set."""
        jwks = JwkSet([self.key]).as_dict(private=False)
        return auth_service_pb2.GetJwksResponse(jwks_json=json.dumps(jwks))

    def token(self, user_id: int, **changes: Any) -> str:
        """An access token of a person; `changes` to its claims."""
        claims = user_claims(user_id, int(time.time()), 900, **changes)
        return jwt.encode({"alg": "EdDSA", "typ": USER_JWT_TYPE, "kid": KID}, claims, self.key, algorithms=["EdDSA"])

    def close(self) -> None:
        """Stop serving."""
        self.server.stop(None)


class PaymentsProcess:
    """`python -m services.payments` on a database, to be killed and started again on the same port."""

    def __init__(self, database_url: str, auth: StandInAuth, log: Path, **settings: str) -> None:
        self.auth = auth
        self.log = log
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = (
            dict(os.environ)
            | SERVICE_SETTINGS
            | identity_settings("payments")
            | {
                "PAYMENTS_DATABASE_URL": database_url,
                "PAYMENTS_LISTEN": self.address,
                "PAYMENTS_KEY_ENCRYPTION_KEY": "k" * 42 + "A",
                "AUTH_ADDRESS": auth.address,
                "DRAIN_WAIT_S": "0",
                "RPC_DEFAULT_DEADLINE_S": "30",
                "PAYMENTS_RESOLVE_EVERY_S": "0.1",
                "PAYMENTS_FOLD_EVERY_S": "0.2",
            }
            | settings
        )
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it reports SERVING."""
        with self.log.open("ab") as log:
            self.child = child.spawn(
                [sys.executable, "-m", "services.payments"],
                log=log,
                death_signal=signal.SIGKILL,
                env=self.environment,
                cwd=ROOT,
            )
        self.wait_until_serving()

    def wait_until_serving(self) -> None:
        """Returns when health says SERVING."""
        end = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < end:
            with grpc.insecure_channel(self.address) as channel:
                try:
                    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
                except grpc.RpcError:
                    answer = None
            if answer is not None and answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
            assert self.child is not None
            if self.child.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"payments did not start:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """SIGKILL: nothing gets to finish."""
        assert self.child is not None
        self.child.kill()
        self.child.wait(timeout=30)

    def stop(self) -> None:
        """SIGTERM, then force."""
        if self.child is not None:
            child.end(self.child, [(signal.SIGTERM, 10.0)])


class Caller:
    """One signed-in person calling payments."""

    def __init__(self, channel: grpc.aio.Channel, auth: StandInAuth, user_id: int) -> None:
        self.user_id = user_id
        self.metadata = (("authorization", f"Bearer {auth.token(user_id)}"),)
        self.stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)

    async def wallet(self) -> int:
        """What the wallet holds."""
        response: pb.GetWalletResponse = await self.stub.GetWallet(pb.GetWalletRequest(), metadata=self.metadata)
        assert response.wallet.user_id == self.user_id
        return response.wallet.balance_piastres

    async def top_up(self, amount: int, key: str) -> pb.TopUpResponse:
        """One top-up call."""
        request = pb.TopUpRequest(amount_piastres=amount, idempotency_key=key)
        response: pb.TopUpResponse = await self.stub.TopUp(request, metadata=self.metadata, timeout=20)
        return response

    async def tip(self, recipient_id: int, amount: int, key: str, post_id: int = 0) -> pb.SendTipResponse:
        """One tip call."""
        request = pb.SendTipRequest(
            recipient_id=recipient_id, amount_piastres=amount, post_id=post_id, idempotency_key=key
        )
        response: pb.SendTipResponse = await self.stub.SendTip(request, metadata=self.metadata, timeout=20)
        return response

    async def entries(self, page_size: int = 0, page_token: str = "") -> pb.ListWalletEntriesResponse:
        """One page of the statement."""
        request = pb.ListWalletEntriesRequest(page_size=page_size, page_token=page_token)
        response: pb.ListWalletEntriesResponse = await self.stub.ListWalletEntries(request, metadata=self.metadata)
        return response


def event_log_stub(channel: grpc.aio.Channel) -> tuple[Any, tuple[tuple[str, str], ...]]:
    """The event log as analytics calls it."""
    token = service_token("analytics", "payments")
    return event_log_service_pb2_grpc.EventLogServiceStub(channel), (("authorization", f"Bearer {token}"),)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The machine-readable reason of a refusal."""
    from services.chassis.peer_errors import to_app_error

    return to_app_error(error).reason
