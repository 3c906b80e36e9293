"""What making and reading copies of a person's data needs of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

EXPORTED_SERVICES: Final = ("auth", "social", "payments", "analytics")
"""Whose data is in a copy, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class ExportChunk:
    """A chunk of an export: `sealed` is None when there is no such. The time is in UTC, None until it is ready."""

    sealed: bytes | None = field(repr=False)
    chunks: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartState:
    """How far a service's part of an export is. `failures` counts the calls that failed since one went well."""

    service: str
    records: int
    failures: int
    is_done: bool


@dataclass(frozen=True, slots=True)
class ExportState:
    """How far an export is. Times are in UTC; `expires_at` is None until it is ready."""

    export_id: int
    requested_at: datetime
    expires_at: datetime | None
    chunks: int
    parts: Sequence[PartState]


@dataclass(frozen=True, slots=True)
class DuePart:
    """A part whose service is to be asked now, from `page_token` on."""

    service: str
    page_token: str
    failures: int


@dataclass(frozen=True, slots=True)
class ClaimedExport:
    """An export that is this maker's for a time. `step` is the one that it acts on, `chunks` how many there are."""

    export_id: int
    user_id: int
    requested_at: datetime
    step: int
    chunks: int


class Exports(Protocol):
    """Copies of what is held. Every method raises AppError UNAVAILABLE when the database is away."""

    async def request(self, user_id: int, now: datetime, fresh_after: datetime) -> int:
        """The export that is being made or was asked for after a moment, else a new one with its event; its id."""
        ...

    async def state(self, export_id: int, user_id: int, now: datetime) -> ExportState | None:
        """How far the user's own export is, the newest when the id is 0; None when there is none."""
        ...

    async def chunk(self, export_id: int, user_id: int, chunk: int, now: datetime) -> ExportChunk | None:
        """A chunk of the user's own export; None when there is no such export."""
        ...


class ExportJobs(Protocol):
    """Exports to be made. Every method raises AppError UNAVAILABLE when the database is away.

    What acts on a claim is False, and has done nothing, when another maker acted since or the account is gone.
    """

    async def claim(self, now: datetime, leased_until: datetime) -> ClaimedExport | None:
        """The export that waits longest, nobody else's until then; None when none is due."""
        ...

    async def due_part(self, export_id: int, now: datetime) -> DuePart | None:
        """The first part that is not done and may be asked for now."""
        ...

    async def keep(
        self,
        claim: ClaimedExport,
        part: DuePart,
        chunks: Sequence[bytes],
        records: int,
        next_token: str,
        now: datetime,
        leased_until: datetime,
    ) -> bool:
        """Keep a page as sealed chunks and move the part on to the next; "" ends it."""
        ...

    async def postpone(self, claim: ClaimedExport, part: DuePart, now: datetime, until: datetime) -> bool:
        """Count a failure of the part's service, which is asked again then."""
        ...

    async def finish(self, claim: ClaimedExport, now: datetime, expires_at: datetime, give_up_before: datetime) -> bool:
        """Make the export ready, with its event, if every part is done or it was asked for before `give_up_before`.

        If not, let it wait until its next part is due, and answer False.
        """
        ...


class ExportBox(Protocol):
    """Seals parts of exports."""

    def seal(self, export_id: int, chunk: int, plain: bytes) -> bytes:
        """The chunk, readable only with our key and in its place."""
        ...

    def open(self, export_id: int, chunk: int, sealed: bytes) -> bytes:
        """The chunk; ValueError when it was sealed with another key or for another place."""
        ...
