"""SessionService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from daira.auth.v1 import session_service_pb2 as pb
from daira.auth.v1 import session_service_pb2_grpc
from services.auth.application.own_sessions import ManageOwnSessions
from services.auth.application.session_ports import LiveSession
from services.auth.domain.assurance import Method
from services.auth.rpc.callers import caller
from services.auth.rpc.token_pairs import encode_time
from services.chassis.revocations import Revocation, RevocationSource

_METHODS: Final = {
    Method.PASSWORD: pb.SIGN_IN_METHOD_PASSWORD,
    Method.CODE: pb.SIGN_IN_METHOD_CODE,
    Method.TOTP: pb.SIGN_IN_METHOD_TOTP,
    Method.PASSKEY: pb.SIGN_IN_METHOD_PASSKEY,
    Method.RECOVERY_CODE: pb.SIGN_IN_METHOD_RECOVERY_CODE,
}


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    """SessionService over the use cases. Errors climb as AppError."""

    def __init__(self, own: ManageOwnSessions, revocations: RevocationSource) -> None:
        self._own = own
        self._revocations = revocations

    async def ListSessions(self, _request: pb.ListSessionsRequest, _context: Any) -> pb.ListSessionsResponse:  # noqa: N802
        """The caller's live sessions."""
        user_id, session_id = caller()
        sessions = await self._own.list(user_id, session_id)
        return pb.ListSessionsResponse(sessions=[_encode(session, session_id) for session in sessions])

    async def EndSession(self, request: pb.EndSessionRequest, _context: Any) -> pb.EndSessionResponse:  # noqa: N802
        """End one of them."""
        return pb.EndSessionResponse(ended=await self._own.end(*caller(), request.session_id))

    async def EndOtherSessions(  # noqa: N802
        self, _request: pb.EndOtherSessionsRequest, _context: Any
    ) -> pb.EndOtherSessionsResponse:
        """End all but this one."""
        return pb.EndOtherSessionsResponse(ended_count=await self._own.end_others(*caller()))

    async def SignOutEverywhere(  # noqa: N802
        self, _request: pb.SignOutEverywhereRequest, _context: Any
    ) -> pb.SignOutEverywhereResponse:
        """End all."""
        return pb.SignOutEverywhereResponse(ended_count=await self._own.sign_out_everywhere(*caller()))

    async def ListDevices(self, _request: pb.ListDevicesRequest, _context: Any) -> pb.ListDevicesResponse:  # noqa: N802
        """The caller's devices."""
        return pb.ListDevicesResponse(
            devices=[
                pb.KnownDevice(
                    device_key=device.digest.hex(),
                    name=device.name,
                    first_seen_at=encode_time(device.first_seen_at),
                    last_seen_at=encode_time(device.last_seen_at),
                )
                for device in await self._own.devices(*caller())
            ]
        )

    async def ForgetDevice(self, request: pb.ForgetDeviceRequest, _context: Any) -> pb.ForgetDeviceResponse:  # noqa: N802
        """Forget a device."""
        return pb.ForgetDeviceResponse(ended_count=await self._own.forget_device(*caller(), request.device_key))

    async def ListRevocations(  # noqa: N802
        self, request: pb.ListRevocationsRequest, _context: Any
    ) -> pb.ListRevocationsResponse:
        """What ended lately, for services."""
        page = await self._revocations.read(request.seen_snapshot, request.after)
        return pb.ListRevocationsResponse(
            revocations=[_encode_revocation(one) for one in page.revocations],
            snapshot=page.snapshot,
            last=page.last,
            has_more=page.has_more,
        )


def _encode(session: LiveSession, current_id: int) -> pb.Session:
    return pb.Session(
        session_id=session.session_id,
        device_name=session.device_name,
        network=session.network,
        started_at=encode_time(session.started_at),
        last_seen_at=encode_time(session.last_seen_at),
        expires_at=encode_time(session.expires_at),
        methods=[_METHODS[method] for method in session.proof.methods],
        level=session.proof.level,
        is_current=session.session_id == current_id,
    )


def _encode_revocation(one: Revocation) -> pb.Revocation:
    issued_before = Timestamp(seconds=one.issued_before_s) if one.issued_before_s else None
    return pb.Revocation(
        session_id=one.session_id, user_id=one.user_id, least_epoch=one.least_epoch, issued_before=issued_before
    )
