"""Between the protos of payouts and the domain."""

from __future__ import annotations

from typing import Final

from daira.payments.v1 import payout_service_pb2 as pb
from services.chassis.idempotency import body_hash, check_key
from services.payments.domain.payouts import IdentityLevel, Payout, PayoutDestination, PayoutOrder, PayoutState

_STATES: Final = {
    PayoutState.REQUESTED: pb.PAYOUT_STATE_REQUESTED,
    PayoutState.SCHEDULED: pb.PAYOUT_STATE_SCHEDULED,
    PayoutState.SENDING: pb.PAYOUT_STATE_SENDING,
    PayoutState.PAID: pb.PAYOUT_STATE_PAID,
    PayoutState.COMPLETED: pb.PAYOUT_STATE_COMPLETED,
    PayoutState.REFUSED: pb.PAYOUT_STATE_REFUSED,
    PayoutState.CANCELLED: pb.PAYOUT_STATE_CANCELLED,
    PayoutState.DECLINED: pb.PAYOUT_STATE_DECLINED,
    PayoutState.RETURNED: pb.PAYOUT_STATE_RETURNED,
}


def payout_order(request: pb.RequestPayoutRequest, user_id: int) -> PayoutOrder:
    """The order in a request; AppError INVALID_ARGUMENT for a bad key."""
    body = body_hash(request.SerializeToString(deterministic=True))
    return PayoutOrder(
        user_id, request.destination_id, request.amount_piastres, check_key(request.idempotency_key), body
    )


def identity_level(request: pb.SetIdentityLevelRequest, operator_id: int) -> IdentityLevel:
    """What an operator says of a person."""
    return IdentityLevel(request.user_id, request.level, request.reason.strip(), operator_id)


def destination_message(destination: PayoutDestination) -> pb.PayoutDestination:
    """A destination."""
    message = pb.PayoutDestination(
        destination_id=destination.destination_id, network=destination.network, label=destination.label
    )
    if not destination.is_removed:
        message.added_at.FromDatetime(destination.added_at)
        message.usable_at.FromDatetime(destination.usable_at)
    return message


def payout_message(payout: Payout) -> pb.Payout:
    """A payout."""
    message = pb.Payout(
        payout_id=payout.payout_id,
        state=_STATES[payout.state],
        amount_piastres=payout.amount,
        destination=destination_message(payout.destination),
        reason=payout.reason,
    )
    message.requested_at.FromDatetime(payout.requested_at)
    message.changed_at.FromDatetime(payout.changed_at)
    if payout.leaves_at is not None:
        message.leaves_at.FromDatetime(payout.leaves_at)
    return message
