"""Makes copies of what all services hold about a person, page by page; who dies on the way is followed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from services.auth.application.export_ports import ClaimedExport, DuePart, ExportBox, ExportJobs
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, unavailable
from services.chassis.lifecycle import pause
from services.personal_data.pages import PersonalData, PersonalPage

FORMAT: Final = "daira-export-2"

_KEPT: Final = timedelta(days=7)
# Whoever asked has what there is after that, and may ask again for the rest.
_GIVE_UP_AFTER: Final = timedelta(days=7)
# Longer than a page takes; who dies over one leaves it to another after that.
_LEASE: Final = timedelta(minutes=1)
_PAGE_RECORDS: Final = 1000
# Then it is the turn of others, who may have asked for little.
_PAGES_A_TURN: Final = 50
_CHUNK_BYTES: Final = 256 * 1024
_RETRY_FIRST: Final = timedelta(seconds=5)
_RETRY_SLOWEST: Final = timedelta(hours=1)
_LOOK_EVERY_S: Final = 1.0
_AWAY: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED})

_log = structlog.get_logger(__name__)


class MakeExports:
    """The use case. Any number of makers may be at work."""

    def __init__(
        self,
        jobs: ExportJobs,
        sources: Mapping[str, PersonalData],
        box: ExportBox,
        clock: Clock,
        observe: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        """`sources` by service; `observe` is told "page", "failed" or "ready"."""
        self._jobs = jobs
        self._sources = sources
        self._box = box
        self._clock = clock
        self._observe = observe

    async def run(self, stop: asyncio.Event) -> None:
        """Make what is due until `stop`; a database that is away is waited for."""
        while not stop.is_set():
            try:
                worked = await self.work()
            except AppError as error:
                _log.warning("exports_wait", reason=error.reason)
                worked = False
            if not worked:
                await pause(stop, _LOOK_EVERY_S)

    async def work(self) -> bool:
        """One turn of the export that waits longest; whether there was one. AppError UNAVAILABLE."""
        now = self._clock.now()
        claim = await self._jobs.claim(now, now + _LEASE)
        if claim is None:
            return False
        for _ in range(_PAGES_A_TURN):
            part = await self._jobs.due_part(claim.export_id, self._clock.now())
            if part is None:
                break
            moved = await self._take_page(claim, part)
            if moved is None:
                return True
            claim = moved
        now = self._clock.now()
        if await self._jobs.finish(claim, now, now + _KEPT, now - _GIVE_UP_AFTER):
            self._observe("ready")
        return True

    def _source(self, service: str) -> PersonalData:
        source = self._sources.get(service)
        if source is None:
            # Asked for by a newer process than this one, which will be followed by a newer one.
            raise unavailable("nobody here knows the service", "SERVICE_UNAVAILABLE")
        return source

    async def _take_page(self, claim: ClaimedExport, part: DuePart) -> ClaimedExport | None:
        """The claim after one page, or after a failure; None when it is not ours any more."""
        try:
            page = await self._source(part.service).page(claim.user_id, part.page_token, _PAGE_RECORDS)
        except AppError as error:
            # Also a service that refuses is asked again: after a deployment it may know better.
            level = _log.warning if error.kind in _AWAY else _log.error
            level("export_part_waits", part=part.service, reason=error.reason, failures=part.failures + 1)
            self._observe("failed")
            now = self._clock.now()
            until = now + min(_RETRY_FIRST * 2 ** min(part.failures, 20), _RETRY_SLOWEST)
            return _next(claim, 0) if await self._jobs.postpone(claim, part, now, until) else None
        chunks = [
            self._box.seal(claim.export_id, claim.chunks + number, plain)
            for number, plain in enumerate(_chunks(_lines(claim, part.service, page)))
        ]
        now = self._clock.now()
        kept = await self._jobs.keep(claim, part, chunks, len(page.records), page.next_token, now, now + _LEASE)
        self._observe("page")
        return _next(claim, len(chunks)) if kept else None


def _next(claim: ClaimedExport, chunks: int) -> ClaimedExport:
    return replace(claim, step=claim.step + 1, chunks=claim.chunks + chunks)


def _lines(claim: ClaimedExport, service: str, page: PersonalPage) -> Iterator[str]:
    if claim.chunks == 0:
        about = {
            "format": FORMAT,
            "export_id": str(claim.export_id),
            "user_id": str(claim.user_id),
            "requested_at": claim.requested_at.isoformat(),
        }
        yield json.dumps(about) + "\n"
    for record in page.records:
        # The record is JSON already.
        yield f'{{"service":"{service}","kind":{json.dumps(record.kind)},"record":{record.json}}}\n'


def _chunks(lines: Iterator[str]) -> Sequence[bytes]:
    """The lines in pieces of about a quarter of a megabyte, none cut through."""
    chunks: list[bytes] = []
    piece: list[bytes] = []
    size = 0
    for line in lines:
        encoded = line.encode()
        if piece and size + len(encoded) > _CHUNK_BYTES:
            chunks.append(b"".join(piece))
            piece, size = [], 0
        piece.append(encoded)
        size += len(encoded)
    if piece:
        chunks.append(b"".join(piece))
    return chunks
