"""One-time codes: one use, five tries, five minutes, one flow; and one road for known and unknown numbers."""

from __future__ import annotations

import asyncio
import hashlib

import grpc
import pytest

from tests.fakes.clock import FixedClock
from tests.integration.auth.codes import DEVICE, E164, PHONE, Codes, wrong
from tests.integration.auth.server import GOOD, Running, read_refusal, refused, running

DENIED = grpc.StatusCode.UNAUTHENTICATED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def codes(auth: Running) -> Codes:
    return Codes(auth)


async def test_a_new_number_gets_an_account_and_a_session(codes: Codes) -> None:
    signed_in = await codes.sign_in()
    assert signed_in.is_new_account
    account = await codes.auth.account(signed_in.tokens.access_token)
    assert (account.user_id, account.masked_phone) == (signed_in.user_id, "+2010*****67")
    assert await codes.auth.kinds() == ["user_registered", "session_started"]
    await codes.auth.refresh(signed_in.tokens.refresh_token)


async def test_a_known_number_gets_a_session_of_its_account(codes: Codes) -> None:
    first = await codes.sign_in()
    codes.auth.clock.advance(61)
    second = await codes.sign_in()
    assert (second.user_id, second.is_new_account) == (first.user_id, False)
    assert await codes.auth.kinds() == ["user_registered", "session_started", "session_started"]
    assert await codes.auth.pool.fetchval("SELECT count(*) FROM accounts") == 1


@pytest.mark.parametrize(
    "spelling", ["+20 100 123 4567", "٠١٠٠١٢٣٤٥٦٧", "0020-100-123-4567", "\u2066010 0123 4567\u2069"]
)
async def test_all_spellings_are_one_number(codes: Codes, spelling: str) -> None:
    first = await codes.sign_in()
    codes.auth.clock.advance(61)
    assert (await codes.sign_in(spelling)).user_id == first.user_id


@pytest.mark.parametrize("phone", ["", "0223456789", "01301234567", "+14155550123", "+971501234567", "مرحبا"])
async def test_other_numbers_get_no_code(codes: Codes, phone: str) -> None:
    with refused(INVALID, "FIELD_INVALID") as said:
        await codes.send(phone)
    assert said.details.startswith("phone: ")
    assert await codes.auth.pool.fetchval("SELECT count(*) FROM code_messages") == 0


async def test_arabic_digits_are_the_same_code(codes: Codes) -> None:
    flow = await codes.send()
    arabic = (await codes.received()).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert (await codes.redeem(flow.flow_token, arabic)).user_id


async def test_known_and_unknown_numbers_get_equal_answers(codes: Codes) -> None:
    await codes.auth.register(PHONE)
    known, unknown = await codes.send(PHONE), await codes.send("01112345678")
    assert (known.expires_at, known.resend_at) == (unknown.expires_at, unknown.resend_at)
    assert len(known.flow_token) == len(unknown.flow_token) == 43
    said = []
    for flow in (known, unknown):
        for _ in range(6):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await codes.redeem(flow.flow_token, "000000" if await codes.received("") != "000000" else "111111")
            refusal = read_refusal(caught.value)
            said.append((refusal.code, refusal.reason, refusal.details))
    assert said[:6] == said[6:]
    spent = []
    for phone in (PHONE, "01112345678"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await codes.send(phone)
        refusal = read_refusal(caught.value)
        spent.append((refusal.code, refusal.reason, refusal.details, refusal.retry_after_ms))
    assert spent[0] == spent[1]


async def test_five_wrong_tries_are_all(codes: Codes) -> None:
    flow = await codes.send()
    code = await codes.received()
    for step in range(1, 6):
        with refused(DENIED, "CODE_INVALID"):
            await codes.redeem(flow.flow_token, wrong(code, step))
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, code)
    assert await codes.auth.pool.fetchval("SELECT count(*) FROM accounts") == 0


async def test_the_fifth_try_may_be_right(codes: Codes) -> None:
    flow = await codes.send()
    code = await codes.received()
    for step in range(1, 5):
        with refused(DENIED, "CODE_INVALID"):
            await codes.redeem(flow.flow_token, wrong(code, step))
    assert (await codes.redeem(flow.flow_token, code)).user_id


async def test_a_code_ends_after_five_minutes(codes: Codes) -> None:
    late, early = await codes.send(), await codes.send("01112345678")
    code, other = await codes.received(), await codes.received("+201112345678")
    codes.auth.clock.advance(299)
    await codes.redeem(early.flow_token, other)
    codes.auth.clock.advance(1)
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(late.flow_token, code)


async def test_a_code_is_of_its_flow_and_its_device(codes: Codes) -> None:
    mine, other = await codes.send(), await codes.send("01112345678")
    code = await codes.received()
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(mine.flow_token, code, device="another-device-of-mine")
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(mine.flow_token, code, device="")
    if await codes.received("+201112345678") != code:
        with refused(DENIED, "CODE_INVALID"):
            await codes.redeem(other.flow_token, code)
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem("A" * 43, code)
    # Another device does not even cost its owner a try.
    own = hashlib.sha256(mine.flow_token.encode()).digest()
    assert await codes.auth.pool.fetchval("SELECT tries FROM code_flows WHERE flow_hash = $1", own) == 0
    assert (await codes.redeem(mine.flow_token, code)).user_id


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "½23456", "1" * 100_000])
async def test_what_is_no_code_costs_no_try(codes: Codes, code: str) -> None:
    flow = await codes.send()
    with refused(INVALID, "FIELD_INVALID"):
        await codes.redeem(flow.flow_token, code)
    assert await codes.auth.pool.fetchval("SELECT tries FROM code_flows") == 0


async def test_a_thousand_guesses_at_once_evaluate_five(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as one, running(auth_database, clock) as other:
        codes = Codes(one), Codes(other)
        flow = await codes[0].send()
        code = await codes[0].received()

        async def guess(number: int) -> str:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await codes[number % 2].redeem(flow.flow_token, wrong(code, 1 + number))
            return read_refusal(caught.value).reason

        reasons = [reason for start in range(0, 1000, 250) for reason in await asyncio.gather(
            *(guess(start + number) for number in range(250))
        )]  # fmt: skip
        assert (reasons.count("CODE_INVALID"), reasons.count("CODE_EXPIRED")) == (5, 995)
        assert await one.pool.fetchval("SELECT tries FROM code_flows") == 5


async def test_of_racers_with_the_right_code_all_get_one_session(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as one, running(auth_database, clock) as other:
        codes = Codes(one), Codes(other)
        flow = await codes[0].send()
        code = await codes[0].received()
        answers = await asyncio.gather(*(codes[n % 2].redeem(flow.flow_token, code) for n in range(5)))
        assert len({(answer.user_id, answer.tokens.refresh_token, answer.is_new_account) for answer in answers}) == 1
        assert await one.kinds() == ["user_registered", "session_started"]
        assert await one.pool.fetchval("SELECT count(*) FROM refresh_tokens") == 1


async def test_two_flows_of_a_new_number_make_one_account(auth_database: str, clock: FixedClock) -> None:
    limits = {"AUTH_CODES_NUMBER_MINUTE": "9", "AUTH_CODES_NUMBER_HOUR": "9", "AUTH_CODES_NUMBER_SOURCE_HOUR": "9"}
    async with running(auth_database, clock, **limits) as auth:
        codes = Codes(auth)
        redeemable = []
        for _ in range(8):
            flow = await codes.send()
            redeemable.append((flow.flow_token, await codes.received()))
            clock.advance(0.001)
        answers = await asyncio.gather(*(codes.redeem(*each) for each in redeemable))
        assert len({answer.user_id for answer in answers}) == 1
        assert sum(answer.is_new_account for answer in answers) == 1
        assert sorted(await auth.kinds()) == ["session_started"] * 8 + ["user_registered"]
        for answer in answers:
            await auth.account(answer.tokens.access_token)


async def test_a_lost_answer_is_given_again_for_ten_seconds(codes: Codes) -> None:
    flow = await codes.send()
    code = await codes.received()
    first = await codes.redeem(flow.flow_token, code)
    codes.auth.clock.advance(9)
    again = await codes.redeem(flow.flow_token, code)
    assert (again.user_id, again.is_new_account) == (first.user_id, True)
    assert again.tokens.refresh_token == first.tokens.refresh_token
    assert again.tokens.refresh_expires_at == first.tokens.refresh_expires_at
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, wrong(code))
    codes.auth.clock.advance(1.5)
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, code)
    assert (await codes.auth.kinds()).count("session_started") == 1


async def test_repeats_are_counted_too(codes: Codes) -> None:
    flow = await codes.send()
    code = await codes.received()
    await codes.redeem(flow.flow_token, code)
    for step in range(1, 6):
        with refused(DENIED, "CODE_EXPIRED"):
            await codes.redeem(flow.flow_token, wrong(code, step))
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, code)


async def test_a_session_that_was_ended_is_not_given_again(codes: Codes) -> None:
    flow = await codes.send()
    code = await codes.received()
    first = await codes.redeem(flow.flow_token, code)
    await codes.auth.sign_out(first.tokens.access_token)
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, code)


async def test_the_first_who_shows_the_phone_takes_the_account_from_who_claimed_it(codes: Codes) -> None:
    claimed = await codes.auth.register(PHONE)
    shown = await codes.sign_in()
    assert (shown.user_id, shown.is_new_account) == (claimed.user_id, False)
    with refused(DENIED, "TOKEN_REVOKED"):
        await codes.auth.account(claimed.tokens.access_token)
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await codes.auth.refresh(claimed.tokens.refresh_token)
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await codes.auth.sign_in(PHONE, GOOD)
    assert (await codes.auth.kinds()).count("session_ended") == 1
    # Only the first: whoever holds the phone now keeps their sessions.
    codes.auth.clock.advance(61)
    await codes.sign_in()
    await codes.auth.account(shown.tokens.access_token)


async def test_an_account_without_a_password_has_no_way_in_by_one(codes: Codes) -> None:
    await codes.sign_in()
    for password in (GOOD, "None", "        "):
        with refused(DENIED, "CREDENTIALS_INVALID"):
            await codes.auth.sign_in(PHONE, password)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ACCOUNT_EXISTS"):
        await codes.auth.register(PHONE)


async def test_the_database_alone_gives_no_code_away(codes: Codes) -> None:
    flow = await codes.send()
    stored = ""
    for table in ("code_flows", "code_budgets", "code_messages", "events"):
        stored += str(await codes.auth.pool.fetch(f"SELECT t::text FROM {table} t"))
    code = await codes.received()
    # Sent, it is in no message any more.
    assert await codes.auth.pool.fetchval("SELECT count(*) FROM code_messages") == 0
    for secret in (code, flow.flow_token, E164, DEVICE):
        assert secret not in stored
        assert secret.encode().hex() not in stored


async def test_closed_is_closed(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, AUTH_CODE_PROVIDER="closed") as auth:
        with refused(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE"):
            await Codes(auth).send()
