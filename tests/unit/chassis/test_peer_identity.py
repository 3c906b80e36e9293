"""In a mesh a service is who its certificate says: over TLS of our own, or by the word of a sidecar on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio
import pytest

from services.chassis.config import Env, SettingsError
from services.chassis.peer_errors import to_app_error
from services.chassis.peer_identity import CLIENT_CERT_HEADER, TlsFiles, service_of_peer
from services.chassis.server import ServerSettings
from services.chassis.service_identity import ServiceIdentity
from tests.fakes.certificates import Authority, Certificate
from tests.fakes.service_keys import service_token
from tests.unit.chassis.rpc_rig import FAST, FRIENDS, USERS, Running, answers, call, make_builder, make_verifier, served

FRIEND = "spiffe://daira/friend"
RULES = {"Repeat": USERS, "Change": FRIENDS}
MESH = replace(FAST, is_in_mesh=True)
CUT_OFF = "cut off"


async def echo(request: bytes) -> bytes:
    return request


async def said(channel: grpc.aio.Channel, method: str, metadata: Sequence[tuple[str, str]] = ()) -> str:
    """The reason of the refusal, CUT_OFF when there is no connection; nothing when the method answers."""
    try:
        await call(channel, method, metadata=metadata, timeout=5)
    except grpc.aio.AioRpcError as error:
        refusal = to_app_error(error)
        return CUT_OFF if error.code() is grpc.StatusCode.UNAVAILABLE else refusal.reason
    return ""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(authority: Authority, tmp_path: Any) -> TlsFiles:
    certificate, key = authority.issue(["spiffe://daira/leaf"]).write(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    return TlsFiles(certificate, key, tmp_path / "ca.pem")


@pytest.fixture
async def over_tls(files: TlsFiles) -> AsyncIterator[Running]:
    settings = replace(MESH, tls=files)
    async with served(make_builder(answers(echo), rules=RULES, verifier=make_verifier(), settings=settings)) as server:
        yield server


@pytest.fixture
async def behind_sidecar() -> AsyncIterator[Running]:
    async with served(make_builder(answers(echo), rules=RULES, verifier=make_verifier(), settings=MESH)) as server:
        yield server


def connect(server: Running, authority: Authority, certificate: Certificate | None) -> grpc.aio.Channel:
    pair = (None, None) if certificate is None else (certificate.key, certificate.pem)
    port = server.address.rsplit(":", 1)[1]
    own = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(authority.pem, *pair), options=own)


async def test_the_certificate_says_who_calls(over_tls: Running, authority: Authority) -> None:
    async with connect(over_tls, authority, authority.issue([FRIEND])) as channel:
        assert await said(channel, "Change") == ""
        assert await said(channel, "Echo") == ""
        # No person came with the call: the same answer as without a mesh.
        assert await said(channel, "Repeat") == "TOKEN_MISSING"
    async with connect(over_tls, authority, authority.issue(["spiffe://daira/stranger"])) as channel:
        assert await said(channel, "Change") == "CALLER_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("uris", "dns"),
    [
        (["spiffe://elsewhere/friend"], []), (["spiffe://daira.evil/friend"], []), (["https://daira/friend"], []),
        ([], ["localhost", FRIEND]), ([], ["friend"]), ([FRIEND, "spiffe://daira/leaf"], []), ([FRIEND + "/x"], []),
        (["spiffe://daira/"], []), (["spiffe://daira/Friend"], []), (["spiffe://daira/friend?x"], []),
    ],
    ids=str,
)  # fmt: skip
async def test_another_name_is_nobody(over_tls: Running, authority: Authority, uris: list[str], dns: list[str]) -> None:
    async with connect(over_tls, authority, authority.issue(uris, dns)) as channel:
        assert await said(channel, "Change") == "TOKEN_MISSING"
        # Nor does a header help where TLS is ours.
        assert await said(channel, "Change", [(CLIENT_CERT_HEADER, f"URI={FRIEND}")]) == "TOKEN_MISSING"


async def test_without_a_good_certificate_there_is_no_connection(over_tls: Running, authority: Authority) -> None:
    expired = authority.issue([FRIEND], ends=timedelta(hours=-1))
    of_another = Authority().issue([FRIEND])
    for certificate in (None, expired, of_another):
        async with connect(over_tls, authority, certificate) as channel:
            assert await said(channel, "Echo") == CUT_OFF
    async with grpc.aio.insecure_channel(over_tls.address) as channel:
        assert await said(channel, "Echo") == CUT_OFF


async def test_certificates_are_read_again_when_they_change(
    over_tls: Running, authority: Authority, files: TlsFiles
) -> None:
    other = Authority()
    friend = other.issue([FRIEND])
    async with connect(over_tls, other, friend) as channel:
        assert await said(channel, "Change") == CUT_OFF
    other.issue(["spiffe://daira/leaf"]).write(files.certificate.parent)
    files.authorities.write_bytes(other.pem)
    async with connect(over_tls, other, friend) as channel:
        assert await said(channel, "Change") == ""
    files.key.unlink()
    # What is known stays good while the files are being replaced.
    async with connect(over_tls, other, friend) as channel:
        assert await said(channel, "Change") == ""
    async with connect(over_tls, authority, authority.issue([FRIEND])) as channel:
        assert await said(channel, "Change") == CUT_OFF


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (f"By=spiffe://daira/leaf;Hash=00ff;URI={FRIEND}", ""),
        (f'Hash=00ff;Subject="CN=a,O=\\"b;c\\"";URI={FRIEND};DNS=friend', ""),
        (f'URI="{FRIEND}"', ""),
        ("URI=spiffe://daira/stranger", "CALLER_NOT_ALLOWED"),
        ("URI=spiffe://elsewhere/friend", "TOKEN_MISSING"),
        (f"URI=spiffe://daira/stranger;URI={FRIEND}", "TOKEN_MISSING"),
        # A proxy that appends instead of replacing lets the first one be anybody's word.
        (f"URI={FRIEND},By=spiffe://daira/leaf;URI=spiffe://daira/stranger", "TOKEN_MISSING"),
        (f'Subject="CN=x;URI={FRIEND}"', "TOKEN_MISSING"),
        (f'Subject="CN=x;URI={FRIEND}', "TOKEN_MISSING"),
        (f"By={FRIEND}", "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        (f"URI={FRIEND};Hash={'0' * 7000};X={'0' * 2000}", "TOKEN_MISSING"),
    ],
)
async def test_a_sidecar_says_whose_certificate_it_checked(behind_sidecar: Running, header: str, reason: str) -> None:
    async with grpc.aio.insecure_channel(behind_sidecar.address) as channel:
        assert await said(channel, "Change", [(CLIENT_CERT_HEADER, header)]) == reason


async def test_a_header_twice_is_none(behind_sidecar: Running) -> None:
    twice = [(CLIENT_CERT_HEADER, f"URI={FRIEND}"), (CLIENT_CERT_HEADER, f"URI={FRIEND}")]
    async with grpc.aio.insecure_channel(behind_sidecar.address) as channel:
        assert await said(channel, "Change", twice) == "TOKEN_MISSING"


class Context:
    """A call from somewhere."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return [(CLIENT_CERT_HEADER, f"URI={FRIEND}")]


@pytest.mark.parametrize(
    ("peer", "is_local"),
    [
        ("ipv4:127.0.0.1:5000", True), ("ipv6:%5B::1%5D:5000", True), ("ipv6:[::1]:5000", True), ("unix:", True),
        ("ipv4:10.1.2.3:5000", False), ("ipv4:128.0.0.1:5000", False), ("ipv6:[2001:db8::1]:5000", False),
        ("ipv4:10.0.0.1:127", False), ("", False), ("ipv6:[::ffff:10.0.0.1]:5000", False),
    ],
)  # fmt: skip
def test_only_what_is_on_this_machine_is_a_sidecar(peer: str, *, is_local: bool) -> None:
    context: Any = Context(peer)
    assert (service_of_peer(context) is not None) is is_local


async def test_outside_a_mesh_the_header_is_nothing() -> None:
    async with (
        served(make_builder(answers(echo), rules=RULES, verifier=make_verifier())) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        assert await said(channel, "Change", [(CLIENT_CERT_HEADER, f"URI={FRIEND}")]) == "TOKEN_MISSING"
        token = service_token("friend", "leaf")
        assert await said(channel, "Change", [("authorization", f"Bearer {token}")]) == ""


def test_settings(files: TlsFiles) -> None:
    given = {
        "SERVICE_IDENTITY": "mesh", "TLS_CERT_FILE": str(files.certificate), "TLS_KEY_FILE": str(files.key),
        "TLS_CA_FILE": str(files.authorities),
    }  # fmt: skip
    env = Env(given)
    settings = ServerSettings.from_env(env)
    identity = ServiceIdentity.from_env(env, "auth")
    env.finish()
    assert (settings.is_in_mesh, settings.tls) == (True, files)
    assert identity.verifier() is None
    for missing in ("TLS_KEY_FILE", "TLS_CA_FILE"):
        env = Env({name: value for name, value in given.items() if name != missing})
        TlsFiles.from_env(env)
        with pytest.raises(SettingsError, match=missing):
            env.finish()
    assert TlsFiles.from_env(Env({})) is None
