"""StatementService: decode, do, encode."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from daira.payments.v1 import statement_service_pb2 as pb
from daira.payments.v1 import statement_service_pb2_grpc
from services.chassis.context import require_user
from services.chassis.errors import invalid
from services.chassis.page_token import PageTokens
from services.payments.application.read_statement import ReadStatement
from services.payments.domain.statements import Period, Statement
from services.payments.rpc.codec import entry_message

_METHOD: Final = "StatementService/GetWalletStatement"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class StatementServicer(statement_service_pb2_grpc.StatementServiceServicer):
    """Statements of the signed-in caller. AppErrors climb to the interceptor untouched."""

    def __init__(self, read: ReadStatement, page_tokens: PageTokens) -> None:
        self._read = read
        self._page_tokens = page_tokens

    async def GetWalletStatement(  # noqa: N802 - gRPC's
        self, request: pb.GetWalletStatementRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.GetWalletStatementResponse:  # fmt: skip
        """A page of the caller's statement, oldest lines first."""
        user_id = require_user()
        since = _moment(request, "from")
        until = _moment(request, "to")
        if request.page_token:
            asked, after = self._opened(request.page_token, user_id, since, until)
        else:
            asked, after = self._read.period(since, until), 0
        page = await self._read.page(user_id, asked, page_size=request.page_size, after=after)
        token = ""
        if page.next_after is not None:
            fields = {"since": _micros(asked.since), "until": _micros(asked.until), "after": page.next_after}
            token = self._page_tokens.seal(_METHOD, user_id, fields)
        return _statement_message(page, token)

    async def GetWalletBalance(  # noqa: N802 - gRPC's
        self, request: pb.GetWalletBalanceRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.GetWalletBalanceResponse:  # fmt: skip
        """What the caller's wallet held."""
        balance, at = await self._read.balance_at(require_user(), _moment(request, "at"))
        return pb.GetWalletBalanceResponse(balance_piastres=balance, at=_timestamp(at))

    def _opened(self, token: str, user_id: int, since: datetime | None, until: datetime | None) -> tuple[Period, int]:
        """The statement that a token goes on with: its moments were settled with its first page."""
        fields = self._page_tokens.open(token, _METHOD, user_id)
        numbers = [fields.get(name) for name in ("since", "until", "after")]
        if not all(isinstance(number, int) for number in numbers):
            raise invalid("page_token", "belongs to another version", reason="PAGE_TOKEN_INVALID")
        begins, ends, after = (int(str(number)) for number in numbers)
        asked = Period(_EPOCH + begins * _MICROSECOND, _EPOCH + ends * _MICROSECOND)
        if (since is not None and since > asked.since) or (until is not None and until != asked.until):
            raise invalid("page_token", "belongs to a statement between other moments", reason="PAGE_TOKEN_INVALID")
        return asked, after


def _moment(request: Any, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    try:
        # Through whole microseconds: what is finer is cut off.
        moment: datetime = getattr(request, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise invalid(field, "is no moment between the years 1 and 9999") from None
    return moment


def _statement_message(page: Statement, token: str) -> pb.GetWalletStatementResponse:
    response = pb.GetWalletStatementResponse(
        next_page_token=token,
        opening_balance_piastres=page.opening,
        closing_balance_piastres=page.closing,
        to=_timestamp(page.period.until),
    )
    # `from` is a keyword of Python.
    getattr(response, "from").CopyFrom(_timestamp(page.period.since))
    for line in page.lines:
        response.lines.add(
            entry=entry_message(line.entry),
            whole_piastres=line.whole,
            fee_piastres=line.fee,
            vat_piastres=line.vat,
            post_id=line.post_id,
            reverses_transfer_id=line.reverses,
            number=line.entry.number,
        )
    return response


def _timestamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
