"""Who may call which method, read once from the option that every method carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from services.chassis.errors import denied, unauthenticated
from services.chassis.identity import Identity, IdentityKind


class AccessTableError(Exception):
    """Methods without a usable access option; the process must not start."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The callers one method admits."""

    public: bool
    user: bool
    services: frozenset[str]
    streams: bool = False

    def check(self, identity: Identity | None) -> None:
        """AppError UNAUTHENTICATED without identity, PERMISSION_DENIED with the wrong one; silent when admitted."""
        if self.public:
            return
        if identity is None:
            raise unauthenticated("TOKEN_MISSING", "this method needs a token")
        if identity.kind is IdentityKind.USER and self.user:
            return
        if identity.kind is IdentityKind.SERVICE and identity.service in self.services:
            return
        raise denied("this caller may not call this method")


class AccessTable:
    """Access rules by full method name, such as `/daira.auth.v1.AuthService/SignIn`."""

    def __init__(self, rules: Mapping[str, AccessRule]) -> None:
        self._rules = dict(rules)

    @classmethod
    def from_descriptors(cls, services: Iterable[ServiceDescriptor], extension: Any) -> AccessTable:
        """The table of every method of `services`; `extension` is the handle of the access method option.

        AccessTableError names each method without callers, with services but not SERVICE or the reverse, or that takes
        a stream: the interceptors serve single requests only, answered once or by a stream.
        """
        rules: dict[str, AccessRule] = {}
        problems: list[str] = []
        for service in services:
            for method in service.methods:
                name = method_path(method)
                problem, rule = _read_rule(method, extension)
                if rule is not None:
                    rules[name] = rule
                else:
                    problems.append(f"{name}: {problem}")
        if problems:
            raise AccessTableError("; ".join(problems))
        return cls(rules)

    def rule(self, method: str) -> AccessRule | None:
        """The rule of a full method name, or None for a method that is not of the table."""
        return self._rules.get(method)

    def streams(self, method: str) -> bool:
        """Whether a method answers by a stream."""
        rule = self._rules.get(method)
        return rule is not None and rule.streams

    def needs_tokens(self) -> bool:
        """Whether any method admits somebody only by token."""
        return any(not rule.public for rule in self._rules.values())


def method_path(method: MethodDescriptor) -> str:
    """The full name of a method as gRPC spells it."""
    return f"/{method.containing_service.full_name}/{method.name}"


def _read_rule(method: MethodDescriptor, extension: Any) -> tuple[str, AccessRule | None]:
    if method.client_streaming:
        return "takes a stream", None
    options = method.GetOptions()
    if not options.HasExtension(extension):
        return "has no access option", None
    access = options.Extensions[extension]
    names_by_number = access.DESCRIPTOR.fields_by_name["callers"].enum_type.values_by_number
    callers = {names_by_number[number].name for number in access.callers if number in names_by_number}
    services = frozenset(access.services)
    if not callers or not callers <= {"CALLER_PUBLIC", "CALLER_USER", "CALLER_SERVICE"}:
        return "names no known caller", None
    if ("CALLER_SERVICE" in callers) != bool(services):
        return "must name services exactly when it admits them", None
    return "", AccessRule("CALLER_PUBLIC" in callers, "CALLER_USER" in callers, services, method.server_streaming)
