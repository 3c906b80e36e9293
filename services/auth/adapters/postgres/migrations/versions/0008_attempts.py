"""Password guesses counted by name, by device that the name knows, and by network.

Revision ID: 0008
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # subject is a digest of a name, of a name with a device, or of a network. Before free_at no guess is let through;
    # from forgotten_at on nothing counts that was before.
    """
    CREATE TABLE password_guesses (
        subject bytea PRIMARY KEY CHECK (octet_length(subject) = 32),
        used integer NOT NULL CHECK (used >= 0),
        free_at timestamptz NOT NULL,
        forgotten_at timestamptz NOT NULL
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX password_guesses_forgotten_at ON password_guesses (forgotten_at)",
    """
    CREATE FUNCTION lock_password_guesses(p_subject bytea, p_now timestamptz) RETURNS password_guesses
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        v_row password_guesses;
    BEGIN
        LOOP
            SELECT * INTO v_row FROM password_guesses g WHERE g.subject = p_subject FOR UPDATE;
            IF FOUND THEN
                RETURN v_row;
            END IF;
            INSERT INTO password_guesses VALUES (p_subject, 0, p_now, p_now) ON CONFLICT DO NOTHING;
        END LOOP;
    END $$
    """,
    # Counts one guess everywhere or nowhere, under the locks of its rows, taken in one order by all: name or device
    # first, network last. wait is null when the guess may be made. A device that the name knows shares nothing with
    # strangers, its network included. Names without an account take the same way.
    """
    CREATE FUNCTION reserve_password_guess(
        p_phone text, p_email text, p_device_hash bytea,
        p_strangers bytea, p_device bytea, p_network bytea, p_now timestamptz,
        p_attempts integer, p_slowest interval, p_network_attempts integer, p_network_window interval,
        OUT is_known boolean, OUT wait interval
    ) LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        v_own password_guesses;
        v_network password_guesses;
    BEGIN
        SELECT count(*) > 0 INTO is_known FROM accounts a JOIN devices d USING (user_id)
        WHERE (a.phone = p_phone OR a.email = p_email) AND d.device_hash = p_device_hash;
        v_own := lock_password_guesses(CASE WHEN is_known THEN p_device ELSE p_strangers END, p_now);
        IF v_own.forgotten_at <= p_now THEN
            v_own.used := 0;
            v_own.free_at := p_now;
        END IF;
        -- A clock that was ahead must shut nobody out for longer than the rule says.
        v_own.free_at := least(v_own.free_at, p_now + p_slowest);
        IF v_own.free_at > p_now THEN
            wait := v_own.free_at - p_now;
        END IF;
        IF p_network IS NOT NULL AND NOT is_known THEN
            v_network := lock_password_guesses(p_network, p_now);
            v_network.forgotten_at := least(v_network.forgotten_at, p_now + p_network_window);
            IF v_network.forgotten_at <= p_now THEN
                v_network.used := 0;
                v_network.forgotten_at := p_now + p_network_window;
            END IF;
            IF v_network.used >= p_network_attempts THEN
                wait := greatest(wait, v_network.forgotten_at - p_now);
            END IF;
        END IF;
        IF wait IS NOT NULL THEN
            UPDATE password_guesses g SET free_at = v_own.free_at
            WHERE g.subject = v_own.subject AND g.free_at > v_own.free_at;
            UPDATE password_guesses g SET forgotten_at = v_network.forgotten_at
            WHERE g.subject = v_network.subject AND g.forgotten_at > v_network.forgotten_at;
            RETURN;
        END IF;
        UPDATE password_guesses g SET
            used = v_own.used + 1,
            free_at = CASE WHEN v_own.used + 1 < p_attempts THEN p_now
                ELSE p_now + p_slowest / (2 ^ greatest(0, 4 - (v_own.used + 1 - p_attempts))) END,
            forgotten_at = p_now + p_attempts * p_slowest
        WHERE g.subject = v_own.subject;
        UPDATE password_guesses g SET used = v_network.used + 1, forgotten_at = v_network.forgotten_at
        WHERE g.subject = v_network.subject;
    END $$
    """,
    # A guess that was right, or was not made after all, is taken back; a right one clears its name or device.
    """
    CREATE FUNCTION take_back_password_guess(p_own bytea, p_network bytea, p_now timestamptz, p_is_right boolean)
    RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        IF p_is_right THEN
            DELETE FROM password_guesses g WHERE g.subject = p_own;
        ELSE
            UPDATE password_guesses g SET used = g.used - 1, free_at = least(g.free_at, p_now)
            WHERE g.subject = p_own AND g.used > 0;
        END IF;
        UPDATE password_guesses g SET used = g.used - 1 WHERE g.subject = p_network AND g.used > 0;
    END $$
    """,
    "DROP TABLE sign_in_attempts",
)


def upgrade() -> None:
    """Create the table and its functions; what was counted before is forgotten."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the services that know the former table are gone."""
    raise RuntimeError("this migration has no way back")
