"""Second factors: authenticator apps, passkeys, recovery codes, and the challenges that ask for them.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # The secret is sealed. Every step of time up to last_step is used: a code works once.
    """
    CREATE TABLE totp_factors (
        user_id bigint PRIMARY KEY REFERENCES accounts (user_id) ON DELETE CASCADE,
        factor_id bigint NOT NULL UNIQUE DEFAULT daira_id(),
        secret_sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        confirmed_at timestamptz,
        last_step bigint NOT NULL DEFAULT 0,
        last_used_at timestamptz
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE TABLE passkeys (
        factor_id bigint PRIMARY KEY DEFAULT daira_id(),
        user_id bigint NOT NULL REFERENCES accounts (user_id) ON DELETE CASCADE,
        credential_id bytea NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
        public_key bytea NOT NULL CHECK (octet_length(public_key) <= 2048),
        sign_count bigint NOT NULL CHECK (sign_count >= 0),
        aaguid text NOT NULL,
        transports text[] NOT NULL,
        name text NOT NULL CHECK (char_length(name) <= 64),
        is_backup_eligible boolean NOT NULL,
        is_backed_up boolean NOT NULL,
        ceremony_hash bytea NOT NULL,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX passkeys_user_id ON passkeys (user_id)",
    # Keyed hashes: 80 random bits need no slow one.
    """
    CREATE TABLE recovery_codes (
        user_id bigint NOT NULL REFERENCES accounts (user_id) ON DELETE CASCADE,
        code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
        used_at timestamptz,
        PRIMARY KEY (user_id, code_hash)
    )
    """,
    # purpose: 1 sign in, 2 step up, 3 add a passkey, 4 sign in by passkey, where nobody is named yet.
    """
    CREATE TABLE challenges (
        challenge_hash bytea PRIMARY KEY CHECK (octet_length(challenge_hash) = 32),
        purpose smallint NOT NULL CHECK (purpose BETWEEN 1 AND 4),
        user_id bigint REFERENCES accounts (user_id) ON DELETE CASCADE,
        session_id bigint,
        device_digest bytea NOT NULL CHECK (octet_length(device_digest) IN (0, 32)),
        methods smallint NOT NULL DEFAULT 0,
        proved_at timestamptz,
        to_sign bytea NOT NULL CHECK (octet_length(to_sign) = 32),
        made_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        tries smallint NOT NULL DEFAULT 0,
        answered_at timestamptz,
        CHECK ((user_id IS NULL) = (purpose = 4)),
        CHECK ((session_id IS NOT NULL) = (purpose IN (2, 3))),
        CHECK ((purpose = 1) = (methods > 0 AND proved_at IS NOT NULL))
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX challenges_expires_at ON challenges (expires_at)",
    "CREATE INDEX challenges_user_id ON challenges (user_id)",
    # Guesses of an account over all its challenges.
    """
    CREATE TABLE factor_guesses (
        user_id bigint PRIMARY KEY REFERENCES accounts (user_id) ON DELETE CASCADE,
        guesses integer NOT NULL,
        window_started_at timestamptz NOT NULL
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX factor_guesses_window ON factor_guesses (window_started_at)",
    # A redeemed code may lead to a challenge instead of a session.
    "ALTER TABLE code_flows DROP CONSTRAINT code_flows_check",
    """
    ALTER TABLE code_flows ADD CONSTRAINT code_flows_check CHECK (
        (session_id IS NULL) = (refresh_sealed IS NULL) AND (session_id IS NULL OR redeemed_at IS NOT NULL)
    )
    """,
    """
    CREATE FUNCTION has_second_factor(p_user_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (SELECT FROM totp_factors WHERE user_id = p_user_id AND confirmed_at IS NOT NULL)
            OR EXISTS (SELECT FROM passkeys WHERE user_id = p_user_id)
    $$
    """,
    # The last word, whichever way a session is started. Whoever adds a factor holds the account's row, which this
    # locks too: of the two, one comes wholly before the other, and this sees what was committed before.
    """
    CREATE FUNCTION refuse_weak_session() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        IF NEW.level < 2 THEN
            PERFORM FROM accounts WHERE user_id = NEW.user_id FOR SHARE;
            IF has_second_factor(NEW.user_id) THEN
                RAISE EXCEPTION 'the account has a second factor' USING ERRCODE = 'DA002';
            END IF;
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER sessions_need_second_factor BEFORE INSERT ON sessions
    FOR EACH ROW EXECUTE FUNCTION refuse_weak_session()
    """,
)


def upgrade() -> None:
    """Create the tables, and the rule that nothing gets round."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: accounts would lose the factors they rely on."""
    raise RuntimeError("this migration has no way back")
