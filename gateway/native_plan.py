"""The extension's JSON plans: the only file of the gateway that imports it."""

from __future__ import annotations

from typing import Any

from daira_native import JsonPlan
from gateway.binding.requests import Paging

# What `JsonPlan` takes: tuples as its documentation has them.
Spec = tuple[Any, ...]


class NoPlainAnswerError(Exception):
    """A response that a plan cannot show: null where none may be, a value out of range, bytes that are no message."""


class ResponsePlan:
    """How the responses of one RPC become the JSON of one selection."""

    def __init__(self, spec: Spec) -> None:
        """ValueError for a specification that contradicts itself or passes a limit."""
        self._plan = JsonPlan(spec)

    def render(self, response: bytes, paging: Paging | None, before: bytes = b"", behind: bytes = b"") -> bytes:
        """The JSON value, as UTF-8, between these bytes; NoPlainAnswerError."""
        try:
            if paging is None:
                return self._plan.render(response, before, behind)
            after = paging.after
            place = None if after is None else (after.token, after.skip, after.key)
            return self._plan.render(response, before, behind, first=paging.first, after=place)
        except ValueError as error:
            raise NoPlainAnswerError(str(error)) from error
