"""Money out through the gateway, as an app and an operator use it, to a provider that is a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time

import asyncpg
import httpx
import pyotp
import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from services.chassis.postgres import PostgresConnection
from tests.e2e.people import Person

STEP_UP = "mutation($input: FinishStepUpInput!) { finishStepUp(input: $input) { accessToken level } }"
REQUEST = """
mutation($input: RequestPayoutInput!) {
  requestPayout(input: $input) {
    __typename
    ... on RequestedPayout { payout { id state leavesAt amount { formatted } destination { label } } }
    ... on PaymentRefusal { message }
  }
}
"""
LOOK = "query($id: ID!) { payout(id: $id) { state reason } }"
pytestmark = [pytest.mark.timeout(300)]

IBAN = "EG38 0019 0005 0000 0000 2631 8000 2"


def proves_two_factors(person: Person) -> None:
    """Adds an authenticator app and steps up with it."""
    secret = person.asks("mutation { beginTotp { secret } }")["beginTotp"]["secret"]

    def code(away: int) -> str:
        return str(pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + away))

    confirm = "mutation($code: String!) { confirmTotp(input: {code: $code}) { factorId } }"
    person.asks(confirm, code=code(-1))
    begun = person.asks("mutation { beginStepUp { challenge { challengeToken } } }")["beginStepUp"]
    answer = {"challengeToken": begun["challenge"]["challengeToken"], "totpCode": code(0)}
    person.token = person.asks(STEP_UP, input=answer)["finishStepUp"]["accessToken"]


def opaque_number(opaque: str) -> int:
    from gateway import opaque_ids

    return opaque_ids.decode(opaque, "id")[1]


@pytest.fixture
def nour(empty_platform: ScratchPlatform) -> Person:
    person = Person.signs_up(empty_platform, "nour")
    topped = person.does("topUp", "... on TopUp { state }", amountPiastres="100000")
    assert topped == {"state": "SUCCEEDED"}
    return person


def operator(platform: ScratchPlatform) -> Person:
    """Somebody of support, with two factors."""
    person = Person.signs_up(platform, "support")
    database = {"AUTH_DATABASE_URL": platform.endpoints["AUTH_DATABASE_URL"]}
    command = [sys.executable, "-m", "services.auth.grant_role", str(opaque_number(person.user_id)), "support"]
    subprocess.run(command, env=database, check=True, capture_output=True, timeout=60)
    person.renews()
    proves_two_factors(person)
    return person


async def test_a_creator_is_paid_and_the_money_may_come_back(empty_platform: ScratchPlatform, nour: Person) -> None:
    add = {"network": "iban", "account": IBAN, "holderName": "نور محمد علي", "nationalId": "٢٩٨٠٥١٥٠١٠٢٣٤٥"}
    adding = """mutation($input: AddPayoutDestinationInput!) { addPayoutDestination(input: $input) {
      ... on AddedPayoutDestination { destination { id label network } } } }"""
    with pytest.raises(GraphQLError) as caught:
        nour.asks(adding, input=add)
    assert caught.value.codes == ["UNAUTHENTICATED"]
    proves_two_factors(nour)
    there = nour.asks(adding, input=add)["addPayoutDestination"]["destination"]
    assert (there["label"], there["network"]) == ("•••• 0002", "iban")

    order = {"destinationId": there["id"], "amountPiastres": "40000", "idempotencyKey": "rent"}
    assert nour.asks(REQUEST, input=order)["requestPayout"]["__typename"] == "IdentityUnknown"
    known = {"userId": nour.user_id, "level": 1, "reason": "case 12"}
    knowing = "mutation($input: SetIdentityLevelInput!) { setIdentityLevel(input: $input) { userId } }"
    assert operator(empty_platform).asks(knowing, input=known)["setIdentityLevel"]["userId"] == nour.user_id

    asked = nour.asks(REQUEST, input=order)["requestPayout"]
    payout = asked["payout"]
    assert (payout["state"], payout["destination"]["label"]) == ("SCHEDULED", "•••• 0002")
    too_much = {**order, "amountPiastres": "60001", "idempotencyKey": "more"}
    assert nour.asks(REQUEST, input=too_much)["requestPayout"]["__typename"] == "InsufficientFunds"

    connection: PostgresConnection = await asyncpg.connect(empty_platform.endpoints["PAYMENTS_DATABASE_URL"])
    # The batch leaves at ten; nobody waits for that here.
    make_due = "UPDATE sagas SET wake_at = now(), changed_at = now() - interval '2 days' WHERE id = $1"
    await connection.execute(make_due, opaque_number(payout["id"]))
    await connection.close()
    assert until(nour, payout["id"], "PAID")["reason"] == "the provider paid"
    cancel = "mutation($id: ID!) { cancelPayout(input: {id: $id}) { __typename } }"
    assert nour.asks(cancel, id=payout["id"])["cancelPayout"]["__typename"] == "PayoutNotCancellable"
    assert nour.asks("{ wallet { balance { piastres } } }")["wallet"]["balance"]["piastres"] == "60000"

    async with httpx.AsyncClient(base_url=empty_platform.endpoints["SANDBOX_URL"]) as provider:
        (line,) = (await provider.get("/sandbox/operations")).json()
        assert (line["amount_piastres"], line["effects"]) == (40_000, 1)
        (await provider.post(f"/sandbox/return/{line['reference']}")).raise_for_status()
    assert until(nour, payout["id"], "RETURNED")["reason"] == "the account is closed"
    assert nour.asks("{ wallet { balance { piastres } } }")["wallet"]["balance"]["piastres"] == "100000"
    listed = nour.asks("{ payouts(first: 5) { edges { node { id state } } } }")["payouts"]["edges"]
    assert [edge["node"]["state"] for edge in listed] == ["REFUSED", "RETURNED"]

    path = empty_platform.daira("saga", "show", str(opaque_number(payout["id"]))).stdout
    assert "● returned: the account is closed" in path
    assert "⇄ provider: payout of EGP 400.00 by bank" in path


def until(person: Person, payout_id: str, state: str) -> dict[str, str]:
    """The payout once it is in a state."""
    for _ in range(300):
        found: dict[str, str] = person.asks("query($id: ID!) { payout(id: $id) { state reason } }", id=payout_id)[
            "payout"
        ]
        if found["state"] == state:
            return found
        time.sleep(0.1)
    raise AssertionError(found)
