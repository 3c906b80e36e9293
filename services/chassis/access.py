"""Who may call which method, read once from the option that every method carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor

from services.chassis.errors import AppError, ErrorKind, denied, unauthenticated
from services.chassis.identity import Identity, IdentityKind

MAX_LEVEL: Final = 2


class AccessTableError(Exception):
    """Methods without a usable access option; the process must not start."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The callers one method admits: anyone, people who meet all that follows, and services by name.

    `roles` are those of which a person must have one, `scopes` those a token must have all of. `min_level` and
    `max_age_s` say how surely, and how lately, a person must have proved who they are. `self_field` is the request's
    field that must be the caller's own id; empty and 0 ask for nothing. `is_read` is the method's own word that it
    changes nothing.
    """

    public: bool
    user: bool
    services: frozenset[str]
    streams: bool = False
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    min_level: int = 0
    max_age_s: int = 0
    self_field: str = ""
    is_read: bool = False

    def check(self, identity: Identity | None, now_s: int = 0, request: Any = None) -> None:
        """AppError UNAUTHENTICATED without identity, PERMISSION_DENIED with the wrong one; silent when admitted.

        UNAUTHENTICATED, reason STEP_UP_NEEDED, for the right person who must prove it again (as in RFC 9470).
        """
        if self.public:
            return
        if identity is None:
            raise unauthenticated("TOKEN_MISSING", "this method needs a token")
        if identity.kind is IdentityKind.USER and self.user:
            self._check_user(identity, now_s, request)
            return
        if identity.kind is IdentityKind.SERVICE and identity.service in self.services:
            return
        raise denied("this caller may not call this method")

    def _check_user(self, identity: Identity, now_s: int, request: Any) -> None:
        if not self.scopes <= identity.scopes:
            raise denied("the token is not for this")
        has_role = bool(self.roles & identity.roles)
        if self.self_field:
            named = getattr(request, self.self_field, 0)
            if named not in {0, identity.user_id} and not has_role:
                raise denied("this may be asked for oneself only")
        elif self.roles and not has_role:
            raise denied("this needs a role that the caller does not have")
        if identity.level < self.min_level or (self.max_age_s and now_s - identity.authenticated_at_s > self.max_age_s):
            raise AppError(
                ErrorKind.UNAUTHENTICATED,
                "STEP_UP_NEEDED",
                "prove again who you are",
                metadata={"min_level": str(self.min_level), "max_age_s": str(self.max_age_s)},
            )


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
    rule = AccessRule(
        public="CALLER_PUBLIC" in callers,
        user="CALLER_USER" in callers,
        services=services,
        streams=method.server_streaming,
        roles=frozenset(access.roles),
        scopes=frozenset(access.scopes),
        min_level=access.min_level,
        max_age_s=access.max_age_s,
        self_field=access.self_field,
        is_read=options.idempotency_level == options.NO_SIDE_EFFECTS,
    )
    problem = _problem_for_people(rule, method)
    return (problem, None) if problem else ("", rule)


def _problem_for_people(rule: AccessRule, method: MethodDescriptor) -> str:
    asks = rule.roles or rule.scopes or rule.min_level or rule.max_age_s or rule.self_field
    if asks and (rule.public or not rule.user):
        return "asks something of people and admits them all, or none"
    if not 0 <= rule.min_level <= MAX_LEVEL or rule.max_age_s < 0:
        return "asks for a level or an age that there is not"
    field = method.input_type.fields_by_name.get(rule.self_field)
    if rule.self_field and (field is None or field.type != FieldDescriptor.TYPE_INT64 or field.is_repeated):
        return "names no int64 field of its request"
    return ""
