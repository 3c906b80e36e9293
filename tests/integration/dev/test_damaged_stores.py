"""Damaged data folders and taken ports: one clear error, and nothing is deleted."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dev.ports import free_port
from dev.stores.errors import StoreError
from dev.stores.postgres_server import EmbeddedPostgres
from dev.stores.redis_server import EmbeddedRedis, RedisSettings
from tests.stores import start_redis

pytestmark = pytest.mark.stores


def files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and path.name not in {"postmaster.pid", "redis.conf"}}


@pytest.mark.parametrize("lost", ["PG_VERSION", "global/pg_control"])
def test_a_missing_file_of_postgres_is_named(killable_postgres: EmbeddedPostgres, lost: str) -> None:
    killable_postgres.stop()
    data = killable_postgres.settings.data
    (data / lost).unlink()
    before = files_of(data)
    with pytest.raises(StoreError, match=rf"damaged: [\s\S]*{Path(lost).name}[\s\S]*Nothing was deleted"):
        killable_postgres.start()
    assert files_of(data) == before


def test_a_control_file_cut_short_is_named(killable_postgres: EmbeddedPostgres) -> None:
    killable_postgres.stop()
    os.truncate(killable_postgres.settings.data / "global" / "pg_control", 100)
    with pytest.raises(StoreError, match="pg_control is missing or cut short"):
        killable_postgres.start()


def test_damage_that_only_the_server_sees_is_told_in_its_words(killable_postgres: EmbeddedPostgres) -> None:
    killable_postgres.stop()
    control = killable_postgres.settings.data / "global" / "pg_control"
    control.write_bytes(b"\x00" * control.stat().st_size)
    with pytest.raises(StoreError, match=r"did not start on [\s\S]*FATAL[\s\S]*Nothing was deleted"):
        killable_postgres.start()


def test_the_data_of_another_version_is_refused(killable_postgres: EmbeddedPostgres) -> None:
    killable_postgres.stop()
    (killable_postgres.settings.data / "PG_VERSION").write_text("9.6\n", encoding="ascii")
    with pytest.raises(StoreError, match=r"made by version 9\.6, and this server is version \d+"):
        killable_postgres.start()


def test_a_running_server_keeps_its_folder(killable_postgres: EmbeddedPostgres) -> None:
    second = EmbeddedPostgres(replace(killable_postgres.settings, port=free_port()))
    with pytest.raises(StoreError, match=rf"already uses .*: pid {killable_postgres.pid} \("):
        second.start()


def test_a_stale_lock_with_a_strangers_pid_is_no_hindrance(killable_postgres: EmbeddedPostgres) -> None:
    killable_postgres.kill()
    lock = killable_postgres.settings.data / "postmaster.pid"
    lines = lock.read_text(encoding="ascii").splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", encoding="ascii")
    killable_postgres.start()
    assert killable_postgres.is_ready()


def test_an_interrupted_initdb_leaves_no_half_folder(killable_postgres: EmbeddedPostgres) -> None:
    settings = replace(
        killable_postgres.settings, data=killable_postgres.settings.data.with_name("fresh"), port=free_port()
    )
    half = settings.data.with_name("fresh.initialising")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n", encoding="ascii")
    server = EmbeddedPostgres(settings)
    server.start()
    server.stop()
    assert not half.exists()


def test_taken_ports_are_refused_with_their_owner(killable_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    killable_postgres.stop()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", killable_postgres.settings.port))
        listener.listen()
        with pytest.raises(StoreError, match=rf"for PostgreSQL is taken by pid {os.getpid()}"):
            killable_postgres.start()
        redis = EmbeddedRedis(RedisSettings(data=tmp_path, port=killable_postgres.settings.port))
        with pytest.raises(StoreError, match=rf"for Redis is taken by pid {os.getpid()}"):
            redis.start()


def append_only_file(server: EmbeddedRedis) -> Path:
    # Redis 7 keeps several files in a folder; what was written since the start is in the last one.
    return max(server.settings.data.rglob("appendonly.aof*"), key=lambda path: path.stat().st_size * path.is_file())


def _written(store_folder: Path, name: str) -> EmbeddedRedis:
    server = start_redis(store_folder, name, persistent=True)
    import redis

    with redis.Redis.from_url(server.url) as client:
        for number in range(100):
            client.set(f"key:{number}", "x" * 50)
    server.stop()
    return server


def test_a_tail_cut_off_is_dropped(store_folder: Path) -> None:
    import redis

    server = _written(store_folder, "redis_cut")
    log = append_only_file(server)
    os.truncate(log, log.stat().st_size - 7)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.dbsize() == 99
    server.stop()


def test_damage_in_the_middle_is_named(store_folder: Path) -> None:
    server = _written(store_folder, "redis_damaged")
    log = append_only_file(server)
    content = bytearray(log.read_bytes())
    content[200:260] = b"#" * 60
    log.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot read its append-only file[\s\S]*rebuilt from PostgreSQL"):
        server.start()
    assert log.read_bytes() == bytes(content)
