"""What resolvers hand to one another: answers of RPCs, pages, excerpts, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from gateway.binding.requests import Paging
from gateway.cursors import Cursor


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with the request that it answers."""

    request: Any
    response: Any


@dataclass(frozen=True, slots=True)
class SignUpAnswer(Answer):
    """A registration, and what became of the profile."""

    profile: Message | Exception


@dataclass(frozen=True, slots=True)
class Refusal:
    """An expected failure that is a value: the GraphQL type it shows as, and the error it came from."""

    typename: str
    message: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A message of which some fields are not filled; `number` is its id for loading the whole."""

    message: Any
    absent: frozenset[str]
    number: int
    batch: BatchSpec


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """A method that finds many things by id. All names but the method's are proto fields."""

    method: str
    ids: str
    items: str
    key: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An item of a page and what its cursor is made of."""

    item: Any
    place: Cursor

    @property
    def cursor(self) -> str:
        """The opaque cursor, made only when it is asked for."""
        return self.place.encode()


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Relay's PageInfo. Its cursors hold the page's token, which can be long: they are made when they are asked for."""

    has_next_page: bool
    has_previous_page: bool
    start: Cursor | None
    end: Cursor | None

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the first item; None on an empty page."""
        return None if self.start is None else self.start.encode()

    @property
    def end_cursor(self) -> str | None:
        """The cursor to go on from."""
        return None if self.end is None else self.end.encode()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a connection."""

    response: Any
    edges: Sequence[Edge]
    page_info: PageInfo


def make_page(response: Any, items: Sequence[Any], key: Callable[[Any], int], paging: Paging, page_token: str) -> Page:
    """The page that was asked for, cut out of the answer of the service that holds it."""
    after = paging.after
    here = after or Cursor()
    start = _start(items, key, here)
    end = min(start + paging.first, len(items))
    last = len(items) - 1
    edges = [
        Edge(
            items[index],
            Cursor(page_token) if index == last and page_token else Cursor(here.token, index + 1, key(items[index])),
        )
        for index in range(start, end)
    ]
    has_next = end < len(items) or bool(page_token)
    end_place = edges[-1].place if edges else (Cursor(page_token) if page_token else None)
    info = PageInfo(has_next, after is not None, edges[0].place if edges else None, end_place)
    return Page(response, edges, info)


def _start(items: Sequence[Any], key: Callable[[Any], int], after: Cursor) -> int:
    if after.skip == 0:
        return 0
    for index, item in enumerate(items):
        if key(item) == after.key:
            return index + 1
    return min(after.skip, len(items))
