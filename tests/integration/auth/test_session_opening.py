"""Whatever starts a session leaves the same behind: what was proved, the device, and its events."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import grpc

from daira.auth.v1 import auth_service_pb2 as pb
from tests.integration.auth.server import GOOD, Running, identifier, refused

NAME = "mona@example.com"
PHONE_DEVICE = pb.Device(device_id="device-of-mona-0001", device_name="موبايل منى")
TABLET = pb.Device(device_id="tablet-of-mona-0001", device_name="التابلت")


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


async def sign_in(auth: Running, device: pb.Device, *forwarded: str) -> pb.SignInResponse:
    request = pb.SignInRequest(identifier=identifier(NAME), password=GOOD, device=device)
    response: pb.SignInResponse = await auth.stub.SignIn(
        request, metadata=[("x-forwarded-for", address) for address in forwarded]
    )
    return response


async def test_a_session_says_what_was_proved_and_where(auth: Running) -> None:
    await auth.register(NAME)
    tokens = (await sign_in(auth, PHONE_DEVICE, "197.32.1.77")).tokens
    said = claims(tokens.access_token)
    now_s = auth.clock.now_ms() // 1000
    assert (said["acr"], said["amr"], said["auth_time"], said["epoch"]) == ("1", ["pwd"], now_s, 0)
    assert said["scope"] == "account social payments"
    assert "roles" not in said
    row = await auth.pool.fetchrow("SELECT * FROM sessions WHERE session_id = $1", int(said["sid"]))
    assert row is not None
    assert (row["device_name"], row["network"], row["level"]) == ("موبايل منى", "197.32.1.0/24", 1)


async def test_a_further_device_is_worth_an_event_and_the_first_is_not(auth: Running) -> None:
    await auth.register(NAME)
    for device in (PHONE_DEVICE, PHONE_DEVICE, TABLET, PHONE_DEVICE, pb.Device()):
        await sign_in(auth, device)
    kinds = await auth.kinds()
    assert kinds.count("session_started") == 6
    assert kinds.count("device_added") == 1
    assert kinds.index("device_added") == 5
    assert await auth.pool.fetchval("SELECT count(*) FROM devices") == 2


async def test_a_suspended_account_signs_in_nowhere_and_leaves_nothing(auth: Running) -> None:
    registered = await auth.register(NAME)
    await auth.pool.execute("UPDATE accounts SET status = 2 WHERE user_id = $1", registered.user_id)
    before = await auth.kinds()
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED"):
        await sign_in(auth, PHONE_DEVICE)
    # Only whoever knows the password learns of it.
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        await auth.sign_in(NAME, "another password")
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(registered.tokens.refresh_token)
    assert await auth.kinds() == before
    assert await auth.pool.fetchval("SELECT count(*) FROM sessions") == 1


async def test_a_refreshed_token_says_the_roles_and_the_epoch_of_now(auth: Running) -> None:
    registered = await auth.register(NAME)
    await auth.pool.execute("UPDATE accounts SET roles = 5, epoch = 3")
    auth.clock.advance(60)
    said = claims((await auth.refresh(registered.tokens.refresh_token)).access_token)
    assert (said["roles"], said["epoch"]) == (["support", "admin"], 3)
    # The proof is as old as it is.
    assert said["auth_time"] == said["iat"] - 60


async def test_a_device_name_that_breaks_displays_is_refused(auth: Running) -> None:
    await auth.register(NAME)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        await sign_in(auth, pb.Device(device_id="device-of-mona-0001", device_name="a\u202eb"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        await sign_in(auth, pb.Device(device_id="short"))
