"""Between the payments protos and the domain."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from daira.payments.v1 import payments_service_pb2 as pb
from services.chassis.errors import invalid
from services.chassis.idempotency import body_hash, check_key
from services.payments.application.read_wallet import StatementPage
from services.payments.domain.providers import Rail
from services.payments.domain.tips import TipOrder, TipResult
from services.payments.domain.top_ups import TopUp, TopUpOrder, TopUpState
from services.payments.domain.wallets import EntryKind, Wallet, WalletEntry

_STATES: Final = {
    TopUpState.PENDING: pb.TOP_UP_STATE_PENDING,
    TopUpState.SUCCEEDED: pb.TOP_UP_STATE_SUCCEEDED,
    TopUpState.DECLINED: pb.TOP_UP_STATE_DECLINED,
}
_RAILS: Final = tuple(rail.value for rail in Rail)
_KINDS: Final = {
    EntryKind.TOP_UP: pb.WALLET_ENTRY_KIND_TOP_UP,
    EntryKind.TIP_SENT: pb.WALLET_ENTRY_KIND_TIP_SENT,
    EntryKind.TIP_RECEIVED: pb.WALLET_ENTRY_KIND_TIP_RECEIVED,
    EntryKind.SUBSCRIPTION_PAID: pb.WALLET_ENTRY_KIND_SUBSCRIPTION_PAID,
    EntryKind.SUBSCRIPTION_RECEIVED: pb.WALLET_ENTRY_KIND_SUBSCRIPTION_RECEIVED,
    EntryKind.PAYOUT: pb.WALLET_ENTRY_KIND_PAYOUT,
    EntryKind.PAYOUT_RETURNED: pb.WALLET_ENTRY_KIND_PAYOUT_RETURNED,
    EntryKind.REFUND_PAID: pb.WALLET_ENTRY_KIND_REFUND_PAID,
    EntryKind.REFUND_RECEIVED: pb.WALLET_ENTRY_KIND_REFUND_RECEIVED,
    EntryKind.CHARGEBACK: pb.WALLET_ENTRY_KIND_CHARGEBACK,
    EntryKind.RECOVERY: pb.WALLET_ENTRY_KIND_RECOVERY,
    EntryKind.ADJUSTMENT: pb.WALLET_ENTRY_KIND_ADJUSTMENT,
    EntryKind.OTHER: pb.WALLET_ENTRY_KIND_OTHER,
}


def tip_order(request: pb.SendTipRequest, sender_id: int) -> TipOrder:
    """The order in a request; AppError INVALID_ARGUMENT for a bad key."""
    return TipOrder(
        sender_id=sender_id,
        recipient_id=request.recipient_id,
        amount=request.amount_piastres,
        post_id=request.post_id,
        key=check_key(request.idempotency_key),
        body=_hash(request),
    )


def tip_response(order: TipOrder, result: TipResult) -> pb.SendTipResponse:
    """The answer to a tip. Made of nothing but what was stored with the transfer: a repetition gives the same bytes."""
    return pb.SendTipResponse(
        transfer_id=result.transfer_id,
        amount_piastres=result.amount,
        fee_piastres=result.fee,
        vat_piastres=result.vat,
        received_piastres=result.amount - result.fee - result.vat,
        wallet=pb.Wallet(user_id=order.sender_id, balance_piastres=result.balance_after),
    )


def top_up_order(request: pb.TopUpRequest, user_id: int, default_rail: Rail) -> TopUpOrder:
    """The order in a request, over `default_rail` when it names none; AppError INVALID_ARGUMENT naming a bad field."""
    if request.rail and request.rail not in _RAILS:
        raise invalid("rail", f"must be one of {', '.join(_RAILS)}")
    rail = Rail(request.rail) if request.rail else default_rail
    return TopUpOrder(user_id, request.amount_piastres, check_key(request.idempotency_key), _hash(request), rail)


def top_up_response(top_up: TopUp) -> pb.TopUpResponse:
    """How a top-up stands; once settled, always the same bytes."""
    response = pb.TopUpResponse(
        top_up_id=top_up.top_up_id,
        state=_STATES[top_up.state],
        wallet=pb.Wallet(user_id=top_up.user_id, balance_piastres=top_up.balance),
        instruction=top_up.instruction,
        decline_reason=top_up.reason,
    )
    if top_up.expires_at is not None:
        response.expires_at.FromDatetime(top_up.expires_at)
    return response


def wallet_response(wallet: Wallet) -> pb.GetWalletResponse:
    """A wallet."""
    return pb.GetWalletResponse(wallet=pb.Wallet(user_id=wallet.user_id, balance_piastres=wallet.balance))


def statement_response(page: StatementPage, next_page_token: str) -> pb.ListWalletEntriesResponse:
    """A page of a statement."""
    response = pb.ListWalletEntriesResponse(next_page_token=next_page_token)
    response.entries.extend(entry_message(entry) for entry in page.entries)
    return response


def entry_message(entry: WalletEntry) -> pb.WalletEntry:
    """A line."""
    line = pb.WalletEntry(
        entry_id=entry.entry_id,
        transfer_id=entry.transfer_id,
        kind=_KINDS[entry.kind],
        amount_piastres=entry.amount,
        balance_after_piastres=entry.balance_after,
        counterparty_id=entry.counterparty_id,
    )
    line.posted_at.FromDatetime(entry.posted_at)
    return line


def _hash(request: Message) -> bytes:
    return body_hash(request.SerializeToString(deterministic=True))
