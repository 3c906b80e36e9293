"""The one error a person sees when a store cannot be started, with what to do about it."""

from __future__ import annotations


class StoreError(Exception):
    """A store cannot start: `problem` says what is wrong, `remedy` what to do. Nothing was deleted."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  {remedy}")
        self.problem = problem
        self.remedy = remedy
