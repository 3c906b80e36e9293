"""Settings from the environment: read once, every mistake reported at once, secrets never shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import urlsplit

_T = TypeVar("_T")

_MAX_TEXT: Final = 4096
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """Some settings are missing or wrong; the message names each, what was expected, and no secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("settings are wrong:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = tuple(problems)


class Secret:
    """Bytes that do not show in logs, tracebacks or repr."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves, for the one place that uses them."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"


class Env:
    """A reader of settings that collects problems until `finish`.

    A setting without a default is required. After a problem a method returns a harmless value, and `finish` raises.
    """

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping
        self._problems: list[str] = []

    def text(self, name: str, default: str | None = None, *, max_chars: int = _MAX_TEXT) -> str:
        """A string; required to be non-empty when there is no default."""
        value = self._raw(name)
        if value is None:
            return self._default(name, "text", default, "")
        if len(value) > max_chars:
            self._problem(name, f"at most {max_chars} characters")
            return ""
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of `allowed`."""
        value = self._raw(name)
        expected = "one of " + ", ".join(allowed)
        if value is None:
            return self._default(name, expected, default, "")
        if value not in allowed:
            self._problem(name, expected)
            return allowed[0]
        return value

    def integer(self, name: str, default: int | None, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._raw(name)
        expected = f"a whole number from {low} to {high}"
        if value is None:
            return self._default(name, expected, default, low)
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            self._problem(name, expected)
            return low
        return number

    def seconds(self, name: str, default: float | None, low: float, high: float) -> float:
        """A duration in seconds from `low` to `high`."""
        value = self._raw(name)
        expected = f"seconds from {low:g} to {high:g}"
        if value is None:
            return self._default(name, expected, default, low)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            self._problem(name, expected)
            return low
        return number

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false, written 1/0, true/false, yes/no or on/off."""
        value = self._raw(name)
        if value is None:
            return default
        lowered = value.lower()
        if lowered not in _TRUE | _FALSE:
            self._problem(name, "true or false")
        return lowered in _TRUE

    def url(self, name: str, schemes: Sequence[str], default: str | None = None) -> str:
        """A URL with one of the schemes. The value may hold a password, so no message repeats it."""
        value = self._raw(name)
        expected = "a URL starting with " + " or ".join(f"{scheme}://" for scheme in schemes)
        if value is None:
            return self._default(name, expected, default, "")
        try:
            parts = urlsplit(value)
            valid = parts.scheme in schemes and bool(parts.netloc or parts.path) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            self._problem(name, expected)
            return ""
        return value

    def secret(self, name: str, *, min_bytes: int = 32) -> Secret:
        """Key material of at least `min_bytes` bytes, UTF-8 of the text; always required."""
        value = self._raw(name)
        expected = f"a secret of at least {min_bytes} bytes"
        if value is None:
            self._problem(name, expected, missing=True)
            return Secret(b"")
        if len(value.encode(errors="surrogateescape")) < min_bytes:
            self._problem(name, expected)
        return Secret(value.encode(errors="surrogateescape"))

    def optional_secret(self, name: str, *, min_bytes: int = 32) -> Secret | None:
        """The same, or None when it is not set."""
        return None if self._raw(name) is None else self.secret(name, min_bytes=min_bytes)

    def parsed(
        self, name: str, expected: str, parse: Callable[[str], _T], harmless: _T, default: _T | None = None
    ) -> _T:
        """What `parse` makes of a text of any length. A ValueError of it is a problem."""
        value = self._raw(name)
        if value is None:
            return self._default(name, expected, default, harmless)
        try:
            return parse(value)
        except ValueError:
            self._problem(name, expected)
            return harmless

    def finish(self) -> None:
        """Raise SettingsError with every problem found so far, if any."""
        if self._problems:
            raise SettingsError(self._problems)

    def _raw(self, name: str) -> str | None:
        value = self._mapping.get(name, "").strip()
        return value or None

    def _default(self, name: str, expected: str, default: _T | None, harmless: _T) -> _T:
        if default is None:
            self._problem(name, expected, missing=True)
            return harmless
        return default

    def _problem(self, name: str, expected: str, *, missing: bool = False) -> None:
        self._problems.append(f"{name} {'is missing' if missing else 'is wrong'}: expected {expected}")
