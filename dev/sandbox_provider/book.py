"""The provider's own book, in SQLite: every operation once a reference, and the callbacks that are still to be sent."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS operations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT NOT NULL UNIQUE,
        shape TEXT NOT NULL,
        kind TEXT NOT NULL,
        amount INTEGER NOT NULL,
        original TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        fee INTEGER NOT NULL DEFAULT 0,
        secret TEXT NOT NULL DEFAULT '',
        requests INTEGER NOT NULL DEFAULT 1,
        effects INTEGER NOT NULL DEFAULT 0,
        made_at REAL NOT NULL,
        settles_at REAL,
        settled_at REAL,
        returned_at REAL,
        expires_at REAL
    );
    CREATE TABLE IF NOT EXISTS lost_requests (reference TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS callbacks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        is_forged INTEGER NOT NULL,
        due_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0
    );
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation. `state` is pending, succeeded, declined or returned; `effects` how often money moved for it."""

    number: int
    reference: str
    shape: str
    kind: str
    amount: int
    original: str
    state: str
    reason: str
    fee: int
    secret: str
    requests: int
    effects: int
    made_at: float
    settles_at: float | None
    settled_at: float | None
    returned_at: float | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class DueCallback:
    """A callback to send: about which entry, saying which state."""

    callback_id: int
    entry: Entry
    state: str
    is_forged: bool
    attempts: int


class Book:
    """One file; each method is one transaction, durable before it returns."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def lose(self, reference: str) -> bool:
        """Whether this request is the first with a reference, which is to be lost."""
        return bool(self._db.execute("INSERT OR IGNORE INTO lost_requests VALUES (?)", (reference,)).rowcount)

    def enter(
        self,
        reference: str,
        shape: str,
        kind: str,
        amount: int,
        *,
        settles_in_s: float | None,
        secret: str = "",
        original: str = "",
        lasts_s: float | None = None,
    ) -> tuple[Entry, bool]:
        """The entry of a reference, made now if there is none, and whether it was; `settles_in_s` None: when paid."""
        now = time.time()
        made = self._db.execute(
            "INSERT INTO operations"
            " (reference, shape, kind, amount, original, state, secret, made_at, settles_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?) ON CONFLICT (reference) DO NOTHING",
            (
                reference, shape, kind, amount, original, secret, now,
                None if settles_in_s is None else now + settles_in_s,
                None if lasts_s is None else now + lasts_s,
            ),
        ).rowcount  # fmt: skip
        if not made:
            self._db.execute("UPDATE operations SET requests = requests + 1 WHERE reference = ?", (reference,))
        entry = self.find(reference)
        if entry is None:
            raise LookupError(reference)
        return entry, bool(made)

    def find(self, reference: str) -> Entry | None:
        """The entry of a reference."""
        return self._one("SELECT * FROM operations WHERE reference = ?", reference)

    def find_secret(self, secret: str) -> Entry | None:
        """The entry that a payment page or a voucher's code is of."""
        return self._one("SELECT * FROM operations WHERE secret = ?", secret)

    def settle(self, reference: str, state: str, reason: str = "", fee: int = 0) -> bool:
        """Bring a pending operation to its end, once; money moves when it succeeds."""
        return bool(
            self._db.execute(
                "UPDATE operations SET state = ?, reason = ?, fee = ?, settled_at = ?, settles_at = NULL,"
                " effects = effects + (? = 'succeeded') WHERE reference = ? AND state = 'pending'",
                (state, reason, fee, time.time(), state, reference),
            ).rowcount
        )

    def give_back(self, reference: str, reason: str) -> bool:
        """The money of an operation that succeeded comes back, once."""
        return bool(
            self._db.execute(
                "UPDATE operations SET state = 'returned', reason = ?, returned_at = ?"
                " WHERE reference = ? AND state = 'succeeded'",
                (reason, time.time(), reference),
            ).rowcount
        )

    def due(self) -> Sequence[Entry]:
        """Pending operations whose time has come."""
        return self._all("SELECT * FROM operations WHERE state = 'pending' AND settles_at <= ?", time.time())

    def settled_between(self, start: float, end: float) -> Sequence[Entry]:
        """What succeeded, or came back, between two moments (seconds since 1970)."""
        return self._all(
            "SELECT * FROM operations WHERE effects > 0 AND (settled_at >= ? AND settled_at < ?"
            " OR returned_at >= ? AND returned_at < ?) ORDER BY number",
            start, end, start, end,
        )  # fmt: skip

    def all(self) -> Sequence[Entry]:
        """Everything."""
        return self._all("SELECT * FROM operations ORDER BY number")

    def call_back(self, number: int, state: str, in_s: float, *, is_forged: bool = False) -> None:
        """Send a callback in so many seconds."""
        self._db.execute(
            "INSERT INTO callbacks (number, state, is_forged, due_at) VALUES (?, ?, ?, ?)",
            (number, state, is_forged, time.time() + in_s),
        )

    def due_callbacks(self) -> Sequence[DueCallback]:
        """Callbacks to send now."""
        rows = self._db.execute("SELECT * FROM callbacks WHERE due_at <= ? ORDER BY due_at", (time.time(),)).fetchall()
        found = []
        for row in rows:
            entry = self._one("SELECT * FROM operations WHERE number = ?", row["number"])
            if entry is not None:
                found.append(DueCallback(row["id"], entry, row["state"], bool(row["is_forged"]), row["attempts"]))
        return found

    def sent(self, callback_id: int) -> None:
        """It was acknowledged, or given up."""
        self._db.execute("DELETE FROM callbacks WHERE id = ?", (callback_id,))

    def not_sent(self, callback_id: int, again_in_s: float) -> None:
        """It was not acknowledged: send it again."""
        self._db.execute(
            "UPDATE callbacks SET attempts = attempts + 1, due_at = ? WHERE id = ?",
            (time.time() + again_in_s, callback_id),
        )

    def _one(self, statement: str, *values: object) -> Entry | None:
        row = self._db.execute(statement, values).fetchone()
        return None if row is None else Entry(**dict(row))

    def _all(self, statement: str, *values: object) -> list[Entry]:
        return [Entry(**dict(row)) for row in self._db.execute(statement, values).fetchall()]
