"""Many commands in one exchange: replies in order, errors in their places, and no reply left for whoever comes next."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.exceptions import ConnectionError, ResponseError, TimeoutError  # noqa: A004

from dev.stores.redis_server import EmbeddedRedis
from services.chassis.redis_client import (
    RedisClient,
    RedisRefusesError,
    create_redis,
    encoded,
    encoded_for_each,
    exchange,
)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMEOUT_S = 0.5


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[RedisClient]:
    redis = create_redis(url, timeout_s=TIMEOUT_S, client_name="test", max_connections=1)
    yield redis
    await redis.aclose()


@contextlib.asynccontextmanager
async def server(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of the test's own; its port."""
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


@pytest.mark.stores
async def test_replies_come_in_order_with_errors_in_their_places(redis_url: str) -> None:
    async with client(redis_url) as redis:
        await redis.rpush("list:1", "x")
        await redis.set("list:2", "مش قائمة")
        await redis.rpush("list:3", "x", "y")
        keys = [b"list:%d" % n for n in (1, 2, 3, 4)]
        replies = await exchange(redis, encoded_for_each(b"LPUSHX", keys, "سلام".encode()), 4)
        assert [replies[0], *replies[2:]] == [2, 3, 0]
        assert isinstance(replies[1], ResponseError)
        # The connection, of which there is one, is good for the next.
        assert await redis.lindex("list:1", 0) == "سلام".encode()
        assert await exchange(redis, encoded(b"LRANGE", b"list:3", b"1", b"-1"), 1) == [[b"x", b"y"]]
        assert await exchange(redis, b"", 0) == []


@pytest.mark.stores
async def test_ten_thousand_commands_are_one_exchange(redis_url: str) -> None:
    keys = [b"counter:%d" % (n % 7) for n in range(10_000)]
    async with client(redis_url) as redis:
        replies = await exchange(redis, encoded_for_each(b"INCR", keys), len(keys))
        assert replies == [1 + n // 7 for n in range(10_000)]


@pytest.mark.stores
@pytest.mark.faults
async def test_a_refusal_is_raised_when_all_replies_are_read(killable_redis: EmbeddedRedis) -> None:
    async with client(killable_redis.url) as redis:
        await redis.rpush("list", "x")
        await redis.config_set("maxmemory", "1")
        commands = encoded(b"LLEN", b"list") + encoded(b"LPUSHX", b"list", b"y") + encoded(b"LLEN", b"list")
        with pytest.raises(RedisRefusesError):
            await exchange(redis, commands, 3)
        assert await redis.llen("list") == 1


@pytest.mark.stores
@pytest.mark.faults
async def test_a_server_that_comes_back_is_connected_to_again(killable_redis: EmbeddedRedis) -> None:
    ping = encoded(b"PING")
    async with client(killable_redis.url) as redis:
        assert await exchange(redis, ping, 1) == [b"PONG"]
        killable_redis.kill()
        with pytest.raises(ConnectionError):
            await exchange(redis, ping, 1)
        await asyncio.to_thread(killable_redis.start)
        assert await exchange(redis, ping, 1) == [b"PONG"]


async def answering(writer: asyncio.StreamWriter, reader: asyncio.StreamReader, answer: bytes, *, close: bool) -> None:
    """Agree to every greeting; to PING answer what the test wants."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while received := await reader.read(65_536):
            if b"PING" not in received:
                writer.write(b"+OK\r\n" * received.count(b"*"))
                continue
            writer.write(answer)
            await writer.drain()
            if close:
                break
    writer.close()


@pytest.mark.parametrize(
    ("answer", "ends", "error"),
    [
        (b"+PONG\r\n:1", False, TimeoutError),
        (b"+PONG\r\n", True, ConnectionError),
        (b"", True, ConnectionError),
        (b"+PONG\r\n+PONG\r\n+PONG\r\n", False, ConnectionError),
        (b"+PONG\r\n?what\r\n", False, ConnectionError),
    ],
    ids=["half a reply", "ends midway", "ends at once", "too many", "no protocol"],
)
async def test_a_connection_that_lost_step_is_not_used_again(
    *, answer: bytes, ends: bool, error: type[Exception]
) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        good = connections > 1
        await answering(writer, reader, b"+PONG\r\n+PONG\r\n" if good else answer, close=ends and not good)

    async with server(serve) as port, client(f"redis://127.0.0.1:{port}/0") as redis:
        pings = encoded(b"PING") * 2
        with pytest.raises(error):
            await exchange(redis, pings, 2)
        assert await exchange(redis, pings, 2) == [b"PONG", b"PONG"]
        assert connections == 2


async def test_a_caller_who_goes_away_leaves_no_replies_behind() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(writer, reader, b"+PONG\r\n" if connections > 1 else b"", close=False)

    async with server(serve) as port, client(f"redis://127.0.0.1:{port}/0") as redis:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(exchange(redis, encoded(b"PING"), 1), TIMEOUT_S / 5)
        assert await exchange(redis, encoded(b"PING"), 1) == [b"PONG"]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return certificate_path, key_path


@pytest.mark.stores
async def test_tls_and_the_password_of_the_url_are_used(redis_url: str, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    behind = urlsplit(redis_url)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while received := await reader.read(65_536):
                writer.write(received)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_redis = await asyncio.open_connection(behind.hostname, behind.port)
        await asyncio.gather(forward(reader, to_redis[1]), forward(to_redis[0], writer))

    async with client(redis_url) as plain:
        await plain.acl_setuser("pusher", enabled=True, passwords=["+سر"], commands=["+@all"], keys=["*"])
    try:
        async with server(serve, context) as port:
            password, authority = quote("سر"), quote(str(certificate), safe="")
            url = f"rediss://pusher:{password}@localhost:{port}{behind.path}?ssl_ca_certs={authority}"
            async with client(url) as redis:
                keys = [b"tls:%d" % n for n in range(3000)]
                assert await exchange(redis, encoded_for_each(b"RPUSH", keys, b"x"), 3000) == [1] * 3000
                await redis.set("tls:0", "text")
                with pytest.raises(ResponseError):
                    await redis.lpush("tls:0", "x")
    finally:
        async with client(redis_url) as plain:
            await plain.acl_deluser("pusher")
