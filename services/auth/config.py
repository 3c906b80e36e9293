"""auth's settings, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.chassis.config import Env, Secret
from services.chassis.service_identity import ServiceIdentity
from services.sealing.key_encryption import KeyEncryptionSecrets

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How a process logs."""

    json: bool
    level: str

    @classmethod
    def from_env(cls, env: Env) -> LogSettings:
        """LOG_FORMAT and LOG_LEVEL."""
        return cls(
            json=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
            level=env.choice("LOG_LEVEL", ("debug", "info", "warning", "error", "DEBUG", "INFO", "WARNING", "ERROR"),
                             "info"),
        )  # fmt: skip


def _code_provider(env: Env) -> str:
    # Where real phones could be meant, no sandbox starts by itself.
    is_rehearsal = env.text("DAIRA_ENV", "production") in {"dev", "test"}
    return env.choice("AUTH_CODE_PROVIDER", ("sandbox", "http", "closed"), "sandbox" if is_rehearsal else "closed")


@dataclass(frozen=True, slots=True)
class CodeSettings:
    """How many one-time codes may be sent, and by whom."""

    provider: str
    number_minute: int
    number_hour: int
    number_day: int
    number_source_hour: int
    number_reserved_percent: int
    network_hour: int
    block_hour: int
    everybody_hour: int
    everybody_day: int
    proved_percent: int

    @classmethod
    def from_env(cls, env: Env) -> CodeSettings:
        """AUTH_CODE_PROVIDER and AUTH_CODES_…"""
        return cls(
            provider=_code_provider(env),
            number_minute=env.integer("AUTH_CODES_NUMBER_MINUTE", 1, 1, 1_000),
            number_hour=env.integer("AUTH_CODES_NUMBER_HOUR", 5, 1, 1_000),
            number_day=env.integer("AUTH_CODES_NUMBER_DAY", 10, 1, 1_000),
            number_source_hour=env.integer("AUTH_CODES_NUMBER_SOURCE_HOUR", 3, 1, 1_000),
            number_reserved_percent=env.integer("AUTH_CODES_NUMBER_RESERVED_PERCENT", 20, 0, 99),
            network_hour=env.integer("AUTH_CODES_NETWORK_HOUR", 60, 1, 1_000_000),
            block_hour=env.integer("AUTH_CODES_BLOCK_HOUR", 60, 1, 1_000_000),
            everybody_hour=env.integer("AUTH_CODES_EVERYBODY_HOUR", 5_000, 2, 10_000_000),
            everybody_day=env.integer("AUTH_CODES_EVERYBODY_DAY", 50_000, 2, 100_000_000),
            proved_percent=env.integer("AUTH_CODES_PROVED_PERCENT", 50, 1, 99),
        )


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """How messages are sent. `url` and `key` are empty unless `provider` is "http", `origin` where there is none.

    So are `email_url` and `email_key`, which may be left empty: then no e-mail is sent.
    """

    provider: str
    url: str = field(repr=False)
    key: Secret
    email_url: str = field(repr=False)
    email_key: Secret
    timeout_s: float
    origin: str

    @classmethod
    def from_env(cls, env: Env) -> SmsSettings:
        """AUTH_CODE_PROVIDER, AUTH_SMS_… and AUTH_EMAIL_…"""
        provider = _code_provider(env)
        over_http = provider == "http"
        email_url = env.url("AUTH_EMAIL_URL", ("https", "http"), "") if over_http else ""
        return cls(
            provider=provider,
            url=env.url("AUTH_SMS_URL", ("https", "http")) if over_http else "",
            key=env.secret("AUTH_SMS_KEY", min_bytes=16) if over_http else Secret(b""),
            email_url=email_url,
            email_key=env.secret("AUTH_EMAIL_KEY", min_bytes=16) if email_url else Secret(b""),
            timeout_s=env.seconds("AUTH_SMS_TIMEOUT_S", 5.0, 0.1, 60.0),
            origin=env.text("AUTH_SMS_ORIGIN", "", max_chars=40),
        )


@dataclass(frozen=True, slots=True)
class FactorSettings:
    """Where passkeys belong, and what passwords are compared with. Empty `rp_id`: no passkeys are taken here."""

    rp_id: str
    origins: tuple[str, ...]
    breached_passwords_file: str

    @classmethod
    def from_env(cls, env: Env) -> FactorSettings:
        """AUTH_WEBAUTHN_… and AUTH_BREACHED_PASSWORDS_FILE."""
        is_rehearsal = env.text("DAIRA_ENV", "production") in {"dev", "test"}
        rp_id = env.text("AUTH_WEBAUTHN_RP_ID", "localhost" if is_rehearsal else "", max_chars=253)
        origins = env.text("AUTH_WEBAUTHN_ORIGINS", "http://localhost:8080" if is_rehearsal else "")
        return cls(
            rp_id=rp_id,
            origins=tuple(origin.strip() for origin in origins.split(",") if origin.strip()),
            breached_passwords_file=env.text("AUTH_BREACHED_PASSWORDS_FILE", ""),
        )


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Settings of the service. Names ending in _s are seconds."""

    listen: str
    database_url: str = field(repr=False)
    database_connections: int
    key_encryption: KeyEncryptionSecrets
    identity: ServiceIdentity
    hashing_memory_kib: int
    hashing_time_cost: int
    hashing_parallelism: int
    hashing_threads: int
    hashing_queue: int
    sign_in_attempts: int
    sign_in_slowest_s: float
    network_attempts: int
    network_window_s: float
    network_passkey_begins: int
    access_life_s: float
    refresh_idle_s: float
    session_life_s: float
    codes: CodeSettings
    factors: FactorSettings
    metrics_port: int
    log: LogSettings

    @classmethod
    def from_env(cls, env: Env) -> AuthSettings:
        """Read everything; problems are left in `env`."""
        return cls(
            listen=env.text("AUTH_LISTEN"),
            database_url=env.url("AUTH_DATABASE_URL", ("postgresql", "postgres")),
            database_connections=env.integer("AUTH_DATABASE_CONNECTIONS", 10, 2, 100),
            key_encryption=key_encryption_secrets(env),
            identity=ServiceIdentity.from_env(env, "auth"),
            # Lower bounds of Argon2id's cost: below them a stolen table is cheap to guess.
            hashing_memory_kib=env.integer("AUTH_HASHING_MEMORY_KIB", 19_456, 7_168, 1 << 21),
            hashing_time_cost=env.integer("AUTH_HASHING_TIME_COST", 2, 1, 16),
            hashing_parallelism=env.integer("AUTH_HASHING_PARALLELISM", 1, 1, 8),
            hashing_threads=env.integer("AUTH_HASHING_THREADS", 2, 1, 64),
            hashing_queue=env.integer("AUTH_HASHING_QUEUE", 32, 0, 10_000),
            sign_in_attempts=env.integer("AUTH_SIGN_IN_ATTEMPTS", 10, 1, 1_000),
            sign_in_slowest_s=env.seconds("AUTH_SIGN_IN_SLOWEST_S", 900.0, 1.0, _DAY_S),
            network_attempts=env.integer("AUTH_NETWORK_ATTEMPTS", 100, 1, 1_000_000),
            network_window_s=env.seconds("AUTH_NETWORK_WINDOW_S", 900.0, 1.0, _DAY_S),
            network_passkey_begins=env.integer("AUTH_NETWORK_PASSKEY_BEGINS", 300, 1, 1_000_000),
            access_life_s=env.seconds("AUTH_ACCESS_LIFE_S", 600.0, 1.0, 900.0),
            refresh_idle_s=env.seconds("AUTH_REFRESH_IDLE_S", 30 * _DAY_S, 60.0, 365 * _DAY_S),
            session_life_s=env.seconds("AUTH_SESSION_LIFE_S", 180 * _DAY_S, 60.0, 730 * _DAY_S),
            codes=CodeSettings.from_env(env),
            factors=FactorSettings.from_env(env),
            metrics_port=env.integer("AUTH_METRICS_PORT", 0, 0, 65_535),
            log=LogSettings.from_env(env),
        )


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Settings of the relay, which also asks the others what they hold about people.

    `peers`: where each of the others is, by name. `health_listen` is empty where nothing probes; days are whole.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    key_encryption: KeyEncryptionSecrets
    sms: SmsSettings
    identity: ServiceIdentity
    peers: Mapping[str, str]
    audit_kept_days: int
    health_listen: str
    metrics_port: int
    log: LogSettings

    @classmethod
    def from_env(cls, env: Env) -> RelaySettings:
        """Read everything; problems are left in `env`."""
        return cls(
            database_url=env.url("AUTH_DATABASE_URL", ("postgresql", "postgres")),
            redis_url=env.url("REDIS_URL", ("redis", "rediss")),
            key_encryption=key_encryption_secrets(env),
            sms=SmsSettings.from_env(env),
            identity=ServiceIdentity.from_env(env, "auth"),
            peers={
                "social": env.text("SOCIAL_ADDRESS"),
                "payments": env.text("PAYMENTS_ADDRESS"),
                "analytics": env.text("ANALYTICS_ADDRESS"),
            },
            audit_kept_days=env.integer("AUTH_AUDIT_KEPT_DAYS", 400, 31, 36_500),
            health_listen=env.text("HEALTH_LISTEN", ""),
            metrics_port=env.integer("AUTH_METRICS_PORT", 0, 0, 65_535),
            log=LogSettings.from_env(env),
        )


def database_url(environment: Mapping[str, str]) -> str:
    """AUTH_DATABASE_URL alone, which is all that migrating needs; SettingsError without it."""
    env = Env(environment)
    url = env.url("AUTH_DATABASE_URL", ("postgresql", "postgres"))
    env.finish()
    return url


def key_encryption_secrets(env: Env) -> KeyEncryptionSecrets:
    """The key that seals the root key, and the one before while it is changed; problems are left in `env`."""
    return KeyEncryptionSecrets(
        "auth", env.secret("AUTH_KEY_ENCRYPTION_KEY"), env.optional_secret("AUTH_KEY_ENCRYPTION_KEY_OLD")
    )
