"""PayoutService: decode, do, encode."""

from __future__ import annotations

from typing import Any, Final

from daira.payments.v1 import payout_service_pb2 as pb
from daira.payments.v1 import payout_service_pb2_grpc
from services.chassis.context import require_user
from services.chassis.page_token import PageTokens
from services.payments.application.manage_destinations import ManageDestinations
from services.payments.application.payout_ports import KnownPeople
from services.payments.application.request_payout import RequestPayout
from services.payments.domain.instruments import read_destination
from services.payments.rpc import payout_codec as codec

_LIST_METHOD: Final = "PayoutService/ListPayouts"


class PayoutServicer(payout_service_pb2_grpc.PayoutServiceServicer):
    """Payouts of the signed-in caller, and what operators say of people. AppErrors climb to the interceptor."""

    def __init__(
        self, destinations: ManageDestinations, payouts: RequestPayout, people: KnownPeople, page_tokens: PageTokens
    ) -> None:
        self._destinations = destinations
        self._payouts = payouts
        self._people = people
        self._page_tokens = page_tokens

    async def AddPayoutDestination(  # noqa: N802 - gRPC's
        self, request: pb.AddPayoutDestinationRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.AddPayoutDestinationResponse:  # fmt: skip
        """Where the caller is paid out."""
        instrument = read_destination(
            require_user(), request.network, request.account, request.holder_name, request.national_id
        )
        destination = await self._destinations.add(instrument)
        return pb.AddPayoutDestinationResponse(destination=codec.destination_message(destination))

    async def RemovePayoutDestination(  # noqa: N802 - gRPC's
        self, request: pb.RemovePayoutDestinationRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.RemovePayoutDestinationResponse:  # fmt: skip
        """A destination less."""
        await self._destinations.remove(require_user(), request.destination_id)
        return pb.RemovePayoutDestinationResponse()

    async def ListPayoutDestinations(  # noqa: N802 - gRPC's
        self, request: pb.ListPayoutDestinationsRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.ListPayoutDestinationsResponse:  # fmt: skip
        """The caller's destinations."""
        found = await self._destinations.list(require_user())
        return pb.ListPayoutDestinationsResponse(destinations=[codec.destination_message(one) for one in found])

    async def RequestPayout(  # noqa: N802 - gRPC's
        self, request: pb.RequestPayoutRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.RequestPayoutResponse:  # fmt: skip
        """Money out of the caller's wallet."""
        payout = await self._payouts(codec.payout_order(request, require_user()))
        return pb.RequestPayoutResponse(payout=codec.payout_message(payout))

    async def CancelPayout(self, request: pb.CancelPayoutRequest, context: Any) -> pb.CancelPayoutResponse:  # noqa: N802, ARG002 - gRPC's
        """A payout taken back."""
        payout = await self._payouts.cancel(require_user(), request.payout_id)
        return pb.CancelPayoutResponse(payout=codec.payout_message(payout))

    async def GetPayout(self, request: pb.GetPayoutRequest, context: Any) -> pb.GetPayoutResponse:  # noqa: N802, ARG002 - gRPC's
        """A payout of the caller."""
        payout = await self._payouts.get(require_user(), request.payout_id)
        return pb.GetPayoutResponse(payout=codec.payout_message(payout))

    async def ListPayouts(self, request: pb.ListPayoutsRequest, context: Any) -> pb.ListPayoutsResponse:  # noqa: N802, ARG002 - gRPC's
        """A page of the caller's payouts."""
        user_id = require_user()
        before = self._page_tokens.open_before(request.page_token, _LIST_METHOD, user_id)
        page = await self._payouts.list(user_id, page_size=request.page_size, before=before)
        token = self._page_tokens.seal_before(_LIST_METHOD, user_id, page.next_before)
        payouts = [codec.payout_message(payout) for payout in page.payouts]
        return pb.ListPayoutsResponse(payouts=payouts, next_page_token=token)

    async def SetIdentityLevel(  # noqa: N802 - gRPC's
        self, request: pb.SetIdentityLevelRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.SetIdentityLevelResponse:  # fmt: skip
        """How well a person is known."""
        known = codec.identity_level(request, require_user())
        known.check()
        await self._people.set_level(known)
        return pb.SetIdentityLevelResponse()
