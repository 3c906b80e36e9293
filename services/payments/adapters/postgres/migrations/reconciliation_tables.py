"""Tables of what providers report to have settled, and of where that and the ledger differ."""

from __future__ import annotations

from typing import Final

# A report that is read again replaces the one before of the same day: providers correct theirs. A break is the
# difference in one reference on one Cairo day; it is open until a report, an operation or an operator explains it.
RECONCILIATION: Final = (
    """
    CREATE TABLE settlement_reports (
        rail text NOT NULL CHECK (rail ~ '^[a-z][a-z_]{0,31}$'),
        cairo_day date NOT NULL,
        lines int NOT NULL CHECK (lines >= 0),
        taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (rail, cairo_day)
    )
    """,
    """
    CREATE TABLE settlement_lines (
        rail text NOT NULL,
        cairo_day date NOT NULL,
        number int NOT NULL CHECK (number > 0),
        reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 100),
        provider_reference text NOT NULL CHECK (length(provider_reference) <= 100),
        kind text NOT NULL CHECK (kind IN ('charge', 'refund', 'payout')),
        state text NOT NULL CHECK (state IN ('settled', 'returned')),
        amount bigint NOT NULL CHECK (amount >= 0),
        fee bigint NOT NULL CHECK (fee >= 0),
        settled_at timestamptz NOT NULL,
        PRIMARY KEY (rail, cairo_day, number),
        FOREIGN KEY (rail, cairo_day) REFERENCES settlement_reports (rail, cairo_day)
    )
    """,
    "CREATE INDEX settlement_lines_reference ON settlement_lines (rail, reference)",
    # Amounts in piastres, of the day: what was settled there, and what the clearing account says here.
    """
    CREATE TABLE reconciliation_runs (
        id bigint PRIMARY KEY DEFAULT daira_id(0),
        rail text NOT NULL,
        cairo_day date NOT NULL,
        lines int NOT NULL,
        operations int NOT NULL,
        matched int NOT NULL,
        open_breaks int NOT NULL,
        settled_there bigint NOT NULL,
        cleared_here bigint NOT NULL,
        ran_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX reconciliation_runs_day ON reconciliation_runs (rail, cairo_day, id)",
    """
    CREATE TABLE reconciliation_breaks (
        id bigint PRIMARY KEY DEFAULT daira_id(0),
        rail text NOT NULL,
        cairo_day date NOT NULL,
        kind text NOT NULL CHECK (kind IN ('missing_here', 'missing_there', 'amount_differs', 'fee_differs',
            'state_differs', 'timing', 'duplicate')),
        reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 100),
        here bigint NOT NULL,
        there bigint NOT NULL,
        words text NOT NULL CHECK (length(words) BETWEEN 1 AND 300),
        opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        closed_at timestamptz,
        closed_by text CHECK (closed_by IN ('report', 'operator')),
        explanation text NOT NULL DEFAULT '' CHECK (length(explanation) <= 500),
        CONSTRAINT one_break_of_a_kind UNIQUE (rail, cairo_day, reference, kind),
        CONSTRAINT closed_by_somebody CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
        CONSTRAINT closed_with_words CHECK (closed_at IS NULL OR explanation <> '')
    )
    """,
    # What was asked of providers is booked under the operation's reference. Tips are not in it.
    """
    CREATE INDEX transfers_of_operations ON transfers (body_hash)
        WHERE kind IN ('top_up', 'payout', 'payout_return', 'refund', 'adjustment')
    """,
    "CREATE INDEX reconciliation_breaks_open ON reconciliation_breaks (cairo_day) WHERE closed_at IS NULL",
)
