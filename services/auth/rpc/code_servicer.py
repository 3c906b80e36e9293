"""CodeService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any, Final

from daira.auth.v1 import code_service_pb2 as pb
from daira.auth.v1 import code_service_pb2_grpc
from daira.auth.v1.auth_service_pb2 import Device
from services.auth.application.redeem_code import RedeemCode
from services.auth.application.second_factors import Challenge
from services.auth.application.send_code import SendCode
from services.auth.domain.codes import CodePurpose
from services.auth.rpc.caller_network import caller_network
from services.auth.rpc.callers import Devices
from services.auth.rpc.factor_messages import encode_challenge
from services.auth.rpc.token_pairs import encode_pair, encode_time
from services.chassis.errors import invalid
from services.chassis.idempotency import check_key

_PURPOSES: Final = {pb.CODE_PURPOSE_SIGN_IN: CodePurpose.SIGN_IN}


class CodeServicer(code_service_pb2_grpc.CodeServiceServicer):
    """CodeService over the use cases. Errors climb as AppError."""

    def __init__(self, send_code: SendCode, redeem_code: RedeemCode, devices: Devices) -> None:
        self._send_code = send_code
        self._redeem_code = redeem_code
        self._devices = devices

    async def SendCode(self, request: pb.SendCodeRequest, context: Any) -> pb.SendCodeResponse:  # noqa: N802
        """Send a code."""
        key = check_key(request.idempotency_key)
        purpose = _PURPOSES.get(request.purpose)
        if purpose is None:
            raise invalid("purpose", "must be one of the contract's")
        sent = await self._send_code(request.phone, purpose, request.device_id, key, caller_network(context))
        return pb.SendCodeResponse(
            flow_token=sent.flow_token, expires_at=encode_time(sent.expires_at), resend_at=encode_time(sent.resend_at)
        )

    async def RedeemCode(self, request: pb.RedeemCodeRequest, context: Any) -> pb.RedeemCodeResponse:  # noqa: N802
        """Exchange a code for a session."""
        device = Device(device_id=request.device_id, device_name=request.device_name)
        redeemed = await self._redeem_code(
            request.flow_token, request.code, self._devices.of(device, context), request.device_id
        )
        if isinstance(redeemed, Challenge):
            return pb.RedeemCodeResponse(challenge=encode_challenge(redeemed))
        return pb.RedeemCodeResponse(
            user_id=redeemed.user_id, tokens=encode_pair(redeemed.tokens), is_new_account=redeemed.is_new_account
        )
