"""PaymentsService: decode, do, encode."""

from __future__ import annotations

from typing import Any, Final

from daira.payments.v1 import payments_service_pb2 as pb
from daira.payments.v1 import payments_service_pb2_grpc
from services.chassis.context import require_user
from services.chassis.page_token import PageTokens
from services.payments.application.read_wallet import ReadWallet
from services.payments.application.send_tip import SendTip
from services.payments.application.top_up import TakeTopUp
from services.payments.domain.providers import Rail
from services.payments.rpc import codec

_LIST_METHOD: Final = "PaymentsService/ListWalletEntries"


class PaymentsServicer(payments_service_pb2_grpc.PaymentsServiceServicer):
    """Wallets, top-ups and tips of the signed-in caller. AppErrors climb to the interceptor untouched."""

    def __init__(
        self, read: ReadWallet, top_up: TakeTopUp, send_tip: SendTip, page_tokens: PageTokens, *, default_rail: Rail
    ) -> None:
        self._read = read
        self._top_up = top_up
        self._send_tip = send_tip
        self._page_tokens = page_tokens
        self._default_rail = default_rail

    async def GetWallet(self, request: pb.GetWalletRequest, context: Any) -> pb.GetWalletResponse:  # noqa: N802, ARG002 - gRPC's
        """The caller's wallet; opened on first use."""
        return codec.wallet_response(await self._read.wallet(require_user()))

    async def TopUp(self, request: pb.TopUpRequest, context: Any) -> pb.TopUpResponse:  # noqa: N802, ARG002 - gRPC's
        """Money into the caller's wallet."""
        order = codec.top_up_order(request, require_user(), self._default_rail)
        return codec.top_up_response(await self._top_up(order))

    async def SendTip(self, request: pb.SendTipRequest, context: Any) -> pb.SendTipResponse:  # noqa: N802, ARG002 - gRPC's
        """A tip from the caller's wallet."""
        order = codec.tip_order(request, require_user())
        return codec.tip_response(order, await self._send_tip(order))

    async def ListWalletEntries(  # noqa: N802 - gRPC's
        self,
        request: pb.ListWalletEntriesRequest,
        context: Any,  # noqa: ARG002 - gRPC's
    ) -> pb.ListWalletEntriesResponse:
        """A page of the caller's statement, newest first."""
        user_id = require_user()
        before = self._page_tokens.open_before(request.page_token, _LIST_METHOD, user_id)
        page = await self._read.statement(user_id, page_size=request.page_size, before=before)
        token = self._page_tokens.seal_before(_LIST_METHOD, user_id, page.next_before)
        return codec.statement_response(page, token)
