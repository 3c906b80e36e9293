"""Fences without a lease, and one lock for all that takes one transfer back."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

# What other migrations made of a function stays: only these words of it change.
CHANGES = (
    # A lease that was given back fences as one that is over.
    (
        "advance_saga",
        "OR old.lease_until <= clock_timestamp() THEN",
        "OR coalesce(old.lease_until <= clock_timestamp(), true) THEN",
    ),
    # Two that take one transfer back may share no wallet, as when one is collected from a recovery account. A lock of
    # the row would need the right to change it, which nobody has.
    (
        "post_transfer",
        "SELECT * INTO STRICT original FROM transfers t WHERE t.id = taken_back;",
        (
            "PERFORM pg_advisory_xact_lock(hashtextextended('taken back:' || taken_back, 0));\n"
            "            SELECT * INTO STRICT original FROM transfers t WHERE t.id = taken_back;"
        ),
    ),
    # A hold of a wallet that the transfer does not touch would stay in `held` for ever.
    (
        "post_transfer",
        "            IF promised.state <> 'open' THEN",
        (
            "            IF promised.account_id <> ALL(leg_accounts) THEN\n"
            "                RAISE EXCEPTION 'hold % is of a wallet that has no leg', by_hold\n"
            "                    USING ERRCODE = 'invalid_parameter_value';\n"
            "            END IF;\n"
            "            IF promised.state <> 'open' THEN"
        ),
    ),
)


def change(function: str, before: str, after: str) -> None:
    """Put `after` in the place of `before` in a function as it is now; ValueError when it is not there once."""
    source = op.get_bind().exec_driver_sql(f"SELECT pg_get_functiondef('{function}'::regproc)").scalar_one()
    if source.count(before) != 1:
        raise ValueError(f"{function} is another than it was")
    op.get_bind().exec_driver_sql(source.replace(before, after))


def upgrade() -> None:
    """Change the functions."""
    for function, before, after in CHANGES:
        change(function, before, after)
