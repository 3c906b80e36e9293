"""Errors that `daira` tells a person in one message and not as a traceback."""

from __future__ import annotations


class DevError(Exception):
    """Something the person can put right: `problem` says what is wrong, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  {remedy}")
        self.problem = problem
        self.remedy = remedy
