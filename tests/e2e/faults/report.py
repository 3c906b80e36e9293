"""The table of faults: what each did to writers and readers, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

FAULT_ROW = "fault row"
HEADERS = ("fault", "acked", "read", "degraded", "failed", "gap s", "back", "lost", "twice", "missed", "oracle")
WIDTH = 120
CAPTION = (
    "acked: writes acknowledged. read, degraded, failed: answers to readers, those that said that a store was away, and"
    " refusals. gap s: the longest time that a reader was without an answer. back: seconds from the end of the fault,"
    " and of the last write begun in it, until every feed was whole. lost: what was acknowledged and is not in the"
    " event log. twice: posts shown twice in one scroll. missed: own posts that were not in their author's next feed."
)


@dataclass(frozen=True)
class Row:
    """One fault, the how manyth of its run. Times in seconds."""

    number: int
    fault: str
    acknowledged: int
    answered: int
    degraded: int
    failed: int
    gap_s: float
    recovered_s: float
    lost: int
    repeated: int
    missed: int
    equal: bool

    @property
    def is_good(self) -> bool:
        """Whether the platform was as if nothing had happened, afterwards."""
        return self.equal and not self.lost

    def cells(self) -> list[str]:
        """What stands in the table."""
        counts = [str(count) for count in (self.acknowledged, self.answered, self.degraded, self.failed)]
        times = [f"{seconds:.1f}" for seconds in (self.gap_s, self.recovered_s)]
        return [
            self.fault,
            *counts,
            *times,
            str(self.lost),
            str(self.repeated),
            str(self.missed),
            "yes" if self.equal else "NO",
        ]


def table_of(rows: Sequence[Row]) -> str:
    """The table as text, in the order in which the faults were inflicted."""
    table = Table(title="Faults of the feed, on real processes and stores", caption=CAPTION, caption_justify="left")
    for number, header in enumerate(HEADERS):
        table.add_column(header, justify="right" if number else "left", no_wrap=True, min_width=len(header))
    for row in sorted(rows, key=lambda row: row.number):
        table.add_row(*row.cells(), style="" if row.is_good and not row.repeated else "red")
    console = Console(width=WIDTH)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
