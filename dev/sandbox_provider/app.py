"""The addresses of the sandbox provider: those of the real ones, a page to pay on, and a desk for tests."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dev.sandbox_provider import shapes
from dev.sandbox_provider.book import Entry
from dev.sandbox_provider.desk import Desk, LostError
from services.payments.adapters.providers.egp import egp, piastres
from services.payments.domain.cairo import CAIRO

_BANK_LEAST: Final = 11_200
_NO_ANSWER_S: Final = 30.0
_PAGE: Final = """<!doctype html><html lang="ar" dir="rtl"><meta charset="utf-8"><title>دفع تجريبي</title>
<style>body{{font:18px system-ui;max-width:28rem;margin:4rem auto;text-align:center}}
button{{font:inherit;margin:.5rem;padding:.6rem 2rem}}</style>
<h1>{amount} ج.م</h1><p>{state}</p><form method="post"><button name="do" value="pay">ادفع</button>
<button name="do" value="decline">ارفض</button></form><p dir="ltr">sandbox · {reference}</p>"""


class SandboxApp:
    """Answers over a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.asgi = Starlette(
            routes=[
                Route("/v1/intention/", self._intention, methods=["POST"]),
                Route("/api/acceptance/payments/pay", self._pay_token, methods=["POST"]),
                Route("/api/acceptance/void_refund/refund", self._refund, methods=["POST"]),
                Route("/api/ecommerce/orders/transaction_inquiry", self._inquire_transaction, methods=["POST"]),
                Route("/api/secure/disburse/", self._disburse, methods=["POST"]),
                Route("/api/secure/transaction/inquire/", self._inquire_payout),
                Route("/ECommerceWeb/Fawry/payments/charge", self._voucher, methods=["POST"]),
                Route("/ECommerceWeb/Fawry/payments/status/v2", self._voucher_status),
                Route("/pay/{secret}", self._page, methods=["GET", "POST"]),
                Route("/settlements", self._settlements),
                Route("/sandbox/operations", self._operations),
                Route("/sandbox/return/{reference}", self._return, methods=["POST"]),
                Route("/readyz", self._ready),
            ],
            exception_handlers={LostError: _nobody_answers},
        )

    async def _intention(self, request: Request) -> Response:
        body = await _json(request)
        amount, reference = _amount(body.get("amount")), _text(body, "special_reference")
        known = self._book.find(reference)
        secret = known.secret if known else secrets.token_urlsafe(16)
        entry = await self._take(reference, "paymob", "charge", amount, secret=secret)
        found = {"id": f"pi_{entry.number}", "intention_order_id": entry.number, "client_secret": entry.secret}
        return JSONResponse(found, 201)

    async def _pay_token(self, request: Request) -> Response:
        body = await _json(request)
        source = body.get("source")
        if not isinstance(source, Mapping) or not source.get("identifier"):
            raise HTTPException(400, "no token")
        entry = await self._take(_text(body, "special_reference"), "paymob", "charge", _amount(body.get("amount")))
        return JSONResponse(shapes.paymob_transaction(entry, entry.state))

    async def _refund(self, request: Request) -> Response:
        body = await _json(request)
        original = self._book.find(_text(body, "original_merchant_order_id"))
        amount = _amount(body.get("amount_cents"))
        if original is None or original.state != "succeeded" or amount > original.amount:
            return JSONResponse({"detail": "nothing to refund"}, 422)
        reference = _text(body, "merchant_order_id")
        entry = await self._take(reference, "paymob", "refund", amount, original=original.reference)
        return JSONResponse(shapes.paymob_transaction(entry, entry.state))

    async def _inquire_transaction(self, request: Request) -> Response:
        entry = self._book.find(_text(await _json(request), "merchant_order_id"))
        if entry is None:
            return JSONResponse({"detail": "not found"}, 404)
        return JSONResponse(shapes.paymob_transaction(entry, entry.state))

    async def _disburse(self, request: Request) -> Response:
        body = await _json(request)
        amount = _amount(_piastres(body.get("amount")))
        to_bank = str(body.get("issuer", "")) in {"bank_card", "instant_bank"}
        if not body.get("national_id") or (to_bank and amount < _BANK_LEAST):
            return JSONResponse({"status_description": "the request is wrong"}, 400)
        entry = await self._take(_text(body, "client_reference_id"), "payout", "payout", amount)
        return JSONResponse(shapes.payout_transaction(entry, entry.state))

    async def _inquire_payout(self, request: Request) -> Response:
        entry = self._book.find(request.query_params.get("client_reference_id", ""))
        if entry is None:
            return JSONResponse({"detail": "not found"}, 404)
        return JSONResponse(shapes.payout_transaction(entry, entry.state))

    async def _voucher(self, request: Request) -> Response:
        body = await _json(request)
        reference = _text(body, "merchantRefNum")
        known = self._book.find(reference)
        code = known.secret if known else f"{secrets.randbelow(10**9):09}"
        entry = await self._take(reference, "fawry", "charge", _amount(_piastres(body.get("amount"))), secret=code)
        return JSONResponse(shapes.voucher(entry, entry.state))

    async def _voucher_status(self, request: Request) -> Response:
        entry = self._book.find(request.query_params.get("merchantRefNumber", ""))
        if entry is None:
            return JSONResponse({"statusCode": 9938, "statusDescription": "payment not found"})
        return JSONResponse(shapes.voucher(entry, entry.state))

    async def _page(self, request: Request) -> Response:
        """What a person sees of a card's charge or a voucher; the buttons do what the person would do."""
        entry = self._book.find_secret(request.path_params["secret"])
        if entry is None:
            raise HTTPException(404, "no such payment")
        if request.method == "POST":
            pressed = (await request.body()).decode(errors="replace")
            self._desk.settle(entry, declined="decline" in pressed)
            entry = self._book.find(entry.reference) or entry
        return HTMLResponse(_PAGE.format(amount=egp(entry.amount), state=entry.state, reference=entry.reference))

    async def _settlements(self, request: Request) -> Response:
        """What a day in Cairo moved, as a merchant's report has it."""
        try:
            day = datetime.strptime(request.query_params.get("day", ""), "%Y-%m-%d").replace(tzinfo=CAIRO).date()
        except ValueError:
            raise HTTPException(400, "day: YYYY-MM-DD") from None
        start = datetime.combine(day, time(), CAIRO).timestamp()
        end = datetime.combine(day + timedelta(days=1), time(), CAIRO).timestamp()
        lines = [_line(entry) for entry in self._book.settled_between(start, end)]
        return JSONResponse({"day": f"{day}", "lines": lines})

    async def _operations(self, _request: Request) -> Response:
        return JSONResponse([_line(entry) | {"requests": entry.requests} for entry in self._book.all()])

    async def _return(self, request: Request) -> Response:
        entry = self._book.find(request.path_params["reference"])
        if entry is None or not self._desk.give_back(entry, "the account is closed"):
            raise HTTPException(409, "nothing to give back")
        return JSONResponse({"returned": True})

    async def _ready(self, _request: Request) -> Response:
        return JSONResponse({"sandbox": "ready"})

    async def _take(
        self, reference: str, shape: str, kind: str, amount: int, *, secret: str = "", original: str = ""
    ) -> Entry:
        try:
            return await self._desk.take(reference, shape, kind, amount, secret=secret, original=original)
        except KeyError:
            raise HTTPException(409, "the reference is of another amount") from None


async def _nobody_answers(_request: Request, _error: Exception) -> Response:
    # Whoever asked has given up by then.
    await asyncio.sleep(_NO_ANSWER_S)
    return Response(status_code=504)


async def _json(request: Request) -> Mapping[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise HTTPException(400, "no JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "no object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    text = body.get(name)
    if not isinstance(text, str) or not text:
        raise HTTPException(400, f"{name} is missing")
    return text


def _amount(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise HTTPException(400, "the amount is wrong")
    return value


def _piastres(text: object) -> int:
    try:
        return piastres(text)
    except ValueError:
        raise HTTPException(400, "the amount is wrong") from None


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "provider_reference": str(entry.number),
        "shape": entry.shape,
        "kind": entry.kind,
        "amount_piastres": entry.amount,
        "fee_piastres": entry.fee,
        "state": entry.state,
        "effects": entry.effects,
        "settled_at": entry.settled_at,
        "returned_at": entry.returned_at,
    }
