"""What auth holds about a person: names, standing, sessions, devices, factors and events; no hash and no secret."""

from __future__ import annotations

import enum
from typing import Final

from services.auth.domain.assurance import Method, Role, Scope
from services.chassis.ids import MAX_ID
from services.chassis.postgres import PostgresPool
from services.personal_data.pages import PersonalSections
from services.personal_data.postgres_sections import microseconds, only_row, postgres_section


def _names(flags: type[enum.IntFlag], column: str) -> str:
    """SQL: the names of the flags in a column, as an array."""
    rows = ", ".join(f"({flag.value}, '{str(flag.name).lower()}')" for flag in flags)
    return f"ARRAY(SELECT name FROM (VALUES {rows}) AS f (bit, name) WHERE {column} & bit <> 0 ORDER BY bit)"


_ACCOUNT: Final = only_row(
    "user_id, phone, email, created_at, phone_proved_at, email_verified_at,"
    f" (ARRAY['active', 'suspended', 'deleted'])[status] AS status, {_names(Role, 'roles')} AS roles,"
    " password_hash IS NOT NULL AS has_password,"
    " (SELECT due_at FROM deletion_requests d WHERE d.user_id = a.user_id) AS deletion_due_at,"
    " (SELECT until FROM suspensions s WHERE s.user_id = a.user_id) AS suspended_until,"
    " (SELECT count(*) FROM recovery_codes r WHERE r.user_id = a.user_id AND used_at IS NULL) AS recovery_codes",
    "accounts a WHERE user_id = $1",
)
_SESSION: Final = f"""
    SELECT session_id, session_id, device_name, network, started_at, last_seen_at, expires_at, ended_at,
        {_names(Method, "methods")} AS methods, {_names(Scope, "scopes")} AS scopes
    FROM sessions WHERE user_id = $1 AND session_id > $2 ORDER BY session_id LIMIT $3
"""
# Their hashes are nobody's business: some bits of each only keep apart what was first seen in one moment.
_DEVICE: Final = f"""
    SELECT first_us, bits, name, first_seen_at, last_seen_at FROM (
        SELECT *, {microseconds("first_seen_at")} AS first_us,
            ('x' || encode(substr(device_hash, 1, 8), 'hex'))::bit(64)::bigint & {MAX_ID} AS bits
        FROM devices WHERE user_id = $1
    ) AS d WHERE (first_us, bits) > ($2, $3) ORDER BY first_us, bits LIMIT $4
"""
_TOTP: Final = only_row("created_at, confirmed_at, last_used_at", "totp_factors WHERE user_id = $1")
_PASSKEY: Final = """
    SELECT factor_id, factor_id, name, aaguid, transports, is_backed_up, created_at, last_used_at
    FROM passkeys WHERE user_id = $1 AND factor_id > $2 ORDER BY factor_id LIMIT $3
"""
_EXPORT: Final = """
    SELECT export_id, export_id, requested_at, ready_at, expires_at
    FROM exports WHERE user_id = $1 AND export_id > $2 ORDER BY export_id LIMIT $3
"""
# What was written about the person: by its kind and time, which is what is held for long.
_EVENT: Final = """
    SELECT seq, kind, actor_id = $1 AS is_own_act, occurred_at
    FROM events WHERE aggregate_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""

NOT_EXPORTED: Final = {
    "admin_requests": "what admins asked of one another, by id",
    "alembic_version": "of the schema",
    "audit_checkpoints": "proofs about the audit log",
    "audit_keys": "keys",
    "audit_log": "the person reads it as securityHistory; its details open for them alone",
    "audit_refusals": "counts towards limits, for an hour",
    "audit_retired": "of the audit log",
    "audit_retired_rows": "of the audit log",
    "audit_seal_state": "a place in the audit log",
    "audit_seals": "proofs about the audit log",
    "challenges": "secrets, for minutes",
    "code_budgets": "counts towards limits, by hashes",
    "code_flows": "secrets, for minutes",
    "code_messages": "sealed, until they are sent",
    "consumer_cursors": "places in logs",
    "dead_letters": "events that could not be applied",
    "event_positions": "places in the log",
    "export_chunks": "copies that are made of all this",
    "export_parts": "how far such copies are",
    "factor_guesses": "counts towards limits, for an hour",
    "load_batches": "of bulk loads",
    "password_guesses": "counts towards limits, by hashes",
    "refresh_tokens": "secrets",
    "relay_state": "a place in the log",
    "revocations": "ends of sessions, which the sessions show",
    "root_key": "a key",
    "sandbox_inbox": "messages to developers",
    "signing_keys": "keys",
    "subject_keys": "keys",
}
"""Tables that no section reads, and why not."""


def auth_data(pool: PostgresPool) -> PersonalSections:
    """The sections of auth's database."""
    return PersonalSections(
        [
            postgres_section(pool, "account", _ACCOUNT),
            postgres_section(pool, "session", _SESSION),
            postgres_section(pool, "device", _DEVICE, keys=2),
            postgres_section(pool, "totp", _TOTP),
            postgres_section(pool, "passkey", _PASSKEY),
            postgres_section(pool, "export", _EXPORT),
            postgres_section(pool, "event", _EVENT),
        ]
    )
