"""Pages of what is held about a person, and how they are read on from where a token says."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Protocol

from services.chassis.errors import AppError, invalid
from services.chassis.ids import MAX_ID

# With what an export adds to each line a page is one chunk, and a message has room for many.
_PAGE_BYTES: Final = 192 * 1024
_TOKEN: Final = re.compile(r"([a-z_]{1,40}):(\d{1,19}(?:,\d{1,19})?)")

Keys = tuple[int, ...]
"""Where a row stands in its section: one number above 0 or two, which no other row of the person there has."""

Row = tuple[Keys, Mapping[str, Any]]
Fetch = Callable[[int, Keys, int], Awaitable[Sequence[Row]]]
"""Of a person, after some keys, at most so many rows, in the order of their keys."""


@dataclass(frozen=True, slots=True)
class PersonalRecord:
    """A thing that is held: its kind, and the thing as one object of JSON on one line."""

    kind: str
    json: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PersonalPage:
    """Records, and the token of the page that follows; "" after the last."""

    records: Sequence[PersonalRecord]
    next_token: str


class PersonalData(Protocol):
    """What a service holds about people."""

    async def page(self, user_id: int, token: str, size: int) -> PersonalPage:
        """A page of at most `size` records; `token` is "" for the first.

        AppError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID; UNAVAILABLE when what holds it is away.
        """
        ...


@dataclass(frozen=True, slots=True)
class Section:
    """Things of one kind. `keys` is how many numbers say where a row stands."""

    kind: str
    keys: int
    fetch: Fetch


class PersonalSections:
    """A PersonalData that reads section after section.

    Tokens are not signed: only auth may ask, and a copy that is made for days outlives keys.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = tuple(sections)
        self._places = {section.kind: place for place, section in enumerate(self._sections)}

    async def page(self, user_id: int, token: str, size: int) -> PersonalPage:
        """A page that ends at `size` records or about 200 KB."""
        first, after = self._begin(token)
        records: list[PersonalRecord] = []
        page_bytes = 0
        for section in self._sections[first:]:
            after = after or (0,) * section.keys
            while True:
                wanted = size - len(records)
                if not wanted:
                    return PersonalPage(records, _token(section, after))
                rows = await section.fetch(user_id, after, wanted)
                for keys, thing in rows:
                    line = json.dumps(_plain(thing), ensure_ascii=False, separators=(",", ":"))
                    page_bytes += len(line.encode())
                    if records and page_bytes > _PAGE_BYTES:
                        return PersonalPage(records, _token(section, after))
                    records.append(PersonalRecord(section.kind, line))
                    after = keys
                if len(rows) < wanted:
                    break
            after = ()
        return PersonalPage(records, "")

    def _begin(self, token: str) -> tuple[int, Keys]:
        if not token:
            return 0, ()
        found = _TOKEN.fullmatch(token)
        place = self._places.get(found[1]) if found else None
        if found is None or place is None:
            raise _not_a_token()
        keys = tuple(int(number) for number in found[2].split(","))
        if len(keys) != self._sections[place].keys or max(keys) > MAX_ID:
            raise _not_a_token()
        return place, keys


def _token(section: Section, after: Keys) -> str:
    return f"{section.kind}:{','.join(map(str, after))}"


def _not_a_token() -> AppError:
    return invalid("page_token", "is not a token of this method", reason="PAGE_TOKEN_INVALID")


def _plain(thing: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: times in ISO 8601, ids as text, for JavaScript's numbers are too short for them."""
    return {name.removesuffix("_json"): _value(name, value) for name, value in thing.items()}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "id" or name.endswith("_id"):
        return str(value)
    if name.endswith("_ids"):
        return [str(each) for each in value]
    if name.endswith("_json"):
        return json.loads(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
