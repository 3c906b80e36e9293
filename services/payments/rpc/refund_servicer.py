"""RefundService: decode, do, encode."""

from __future__ import annotations

from typing import Any, Final

from daira.payments.v1 import refund_service_pb2 as pb
from daira.payments.v1 import refund_service_pb2_grpc
from services.chassis.context import require_user
from services.chassis.errors import invalid
from services.chassis.idempotency import body_hash, check_key
from services.payments.application.give_money_back import GiveMoneyBack
from services.payments.domain.refunds import MoneyBack, Refund

_STATES: Final = {
    "refunded": pb.TOP_UP_REFUND_STATE_REFUNDED,
    "declined": pb.TOP_UP_REFUND_STATE_DECLINED,
}


class RefundServicer(refund_service_pb2_grpc.RefundServiceServicer):
    """Money back, by creators and operators. AppErrors climb to the interceptor."""

    def __init__(self, give: GiveMoneyBack) -> None:
        self._give = give

    async def RefundTip(self, request: pb.RefundTipRequest, context: Any) -> pb.RefundTipResponse:  # noqa: N802, ARG002 - gRPC's
        """A payment given back by whom it was paid to."""
        return pb.RefundTipResponse(refund=_message(await self._give.refund(_order(request, request.transfer_id))))

    async def RefundTipForCreator(  # noqa: N802 - gRPC's
        self, request: pb.RefundTipForCreatorRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.RefundTipForCreatorResponse:  # fmt: skip
        """The same by an operator."""
        refund = await self._give.refund_for_creator(_order(request, request.transfer_id))
        return pb.RefundTipForCreatorResponse(refund=_message(refund))

    async def RefundTopUp(self, request: pb.RefundTopUpRequest, context: Any) -> pb.RefundTopUpResponse:  # noqa: N802, ARG002 - gRPC's
        """A top-up sent back by the way it came."""
        refund_id, state = await self._give.refund_top_up(_order(request, request.top_up_id))
        return pb.RefundTopUpResponse(refund_id=refund_id, state=_STATES.get(state, pb.TOP_UP_REFUND_STATE_SENDING))

    async def GetDebt(self, request: pb.GetDebtRequest, context: Any) -> pb.GetDebtResponse:  # noqa: N802, ARG002 - gRPC's
        """What the caller owes."""
        return pb.GetDebtResponse(owed_piastres=await self._give.owed(require_user()))

    async def WriteOffDebt(self, request: pb.WriteOffDebtRequest, context: Any) -> pb.WriteOffDebtResponse:  # noqa: N802, ARG002 - gRPC's
        """A debt that is the platform's loss."""
        if request.user_id == require_user():
            raise invalid("user_id", "must be another person")
        return pb.WriteOffDebtResponse(transfer_id=await self._give.write_off(_order(request, request.user_id)))


def _order(
    request: pb.RefundTipRequest | pb.RefundTipForCreatorRequest | pb.RefundTopUpRequest | pb.WriteOffDebtRequest,
    subject_id: int,
) -> MoneyBack:
    """The order in a request; AppError INVALID_ARGUMENT for a bad key."""
    return MoneyBack(
        subject_id,
        request.amount_piastres,
        request.reason.strip(),
        check_key(request.idempotency_key),
        body_hash(request.SerializeToString(deterministic=True)),
        require_user(),
    )


def _message(refund: Refund) -> pb.Refund:
    return pb.Refund(
        refund_id=refund.refund_id,
        transfer_id=refund.original_id,
        amount_piastres=refund.amount,
        fee_piastres=refund.fee,
        vat_piastres=refund.vat,
        owed_piastres=refund.owed,
    )
