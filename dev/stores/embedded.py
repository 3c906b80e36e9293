"""The embedded stores of one state folder: which are needed, started, watched and ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dev.endpoints import DATABASES, database_of, needs_postgres, needs_redis, role_of
from dev.home import Home, RecordedProcess, created_at
from dev.settings import DevSettings
from dev.stores.postgres_admin import PostgresAdmin, quoted
from dev.stores.postgres_server import EmbeddedPostgres, PostgresSettings
from dev.stores.redis_server import EmbeddedRedis, RedisSettings


class EmbeddedStores:
    """PostgreSQL and Redis in a state folder, each only where no server is named instead."""

    def __init__(self, settings: DevSettings, home: Home, ports: Mapping[str, int], secrets: Mapping[str, str]) -> None:
        self._secrets = secrets
        self.postgres: EmbeddedPostgres | None = None
        self.redis: EmbeddedRedis | None = None
        if needs_postgres(settings):
            self.postgres = EmbeddedPostgres(
                PostgresSettings(
                    data=home.folder / "postgres",
                    port=ports["POSTGRES_PORT"],
                    password=secrets["postgres_password"],
                    bin_folder=settings.postgres_bin,
                )
            )
        if needs_redis(settings):
            self.redis = EmbeddedRedis(
                RedisSettings(
                    data=home.folder / "redis",
                    port=ports["REDIS_PORT"],
                    password=secrets["redis_password"],
                    program=settings.redis_server,
                )
            )

    @property
    def servers(self) -> dict[str, EmbeddedPostgres | EmbeddedRedis]:
        """The servers by name."""
        found = {"postgres": self.postgres, "redis": self.redis}
        return {name: server for name, server in found.items() if server is not None}

    def start(self, say: Callable[[str], None]) -> None:
        """Start what is needed and make the databases and roles that are missing; raises StoreError."""
        for name, server in self.servers.items():
            server.start()
            say(f"{name} is ready on port {server.settings.port}")
        if self.postgres:
            self._ensure_databases(self.postgres.url)

    def start_again(self, say: Callable[[str], None]) -> bool:
        """Start any server that ended by itself, and say whether one did; call from the main thread."""
        started = False
        for name, server in self.servers.items():
            if server.pid is None:
                say(f"{name} ended by itself; starting it again (its log is {server.log_path})")
                server.start()
                started = True
        return started

    def stop(self) -> None:
        """Stop all, each with time to finish; a KeyboardInterrupt meanwhile kills them."""
        try:
            for server in reversed(self.servers.values()):
                server.stop()
        except KeyboardInterrupt:
            for server in self.servers.values():
                server.kill()

    def records(self) -> list[RecordedProcess]:
        """The servers that run, for the record of the run."""
        running = [(name, server.pid) for name, server in self.servers.items()]
        return [RecordedProcess(name, pid, created_at(pid)) for name, pid in running if pid is not None]

    def _ensure_databases(self, url: str) -> None:
        with PostgresAdmin(url) as admin:
            for service in DATABASES:
                role, database = role_of(service), database_of(service)
                admin.ensure_role(role, self._secrets[f"{service}_password"])
                if not admin.has_database(database):
                    admin.create_database(database, owner=role)
                # Bulkhead: a service's role enters its own database only.
                admin.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {quoted(database)} FROM PUBLIC")
