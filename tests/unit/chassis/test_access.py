"""A method without a rule stops the start."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2
from services.chassis.access import AccessRule, AccessTable, AccessTableError
from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import Identity, IdentityKind

USER = Identity(IdentityKind.USER, user_id=1, session_id=2)
FRIEND = Identity(IdentityKind.SERVICE, service="friend")


def service(
    name: str, access: access_pb2.Access | None, *, streaming: bool = False, answers_by_stream: bool = False
) -> ServiceDescriptor:
    pool = descriptor_pool.Default()
    file = descriptor_pb2.FileDescriptorProto(name=f"test/{name}.proto", package=f"test.{name}", syntax="proto3")
    file.message_type.add(name="Nothing")
    message = f".test.{name}.Nothing"
    method = file.service.add(name="S").method.add(
        name="M",
        input_type=message,
        output_type=message,
        client_streaming=streaming,
        server_streaming=answers_by_stream,
    )
    if access is not None:
        method.options.Extensions[access_pb2.access].CopyFrom(access)
    pool.Add(file)
    return pool.FindServiceByName(f"test.{name}.S")


def test_the_real_option_is_read() -> None:
    descriptor = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]
    table = AccessTable.from_descriptors([descriptor], access_pb2.access)
    rule = table.rule("/daira.events.v1.EventLogService/ListEvents")
    readers = frozenset({"analytics", "payments", "social"})
    assert rule == AccessRule(public=False, user=False, services=readers, is_read=True)
    assert table.needs_tokens()


def test_all_problems_are_told() -> None:
    services = [
        service("none", None),
        service("empty", access_pb2.Access()),
        service("unspecified", access_pb2.Access(callers=[access_pb2.CALLER_UNSPECIFIED])),
        service("nameless", access_pb2.Access(callers=[access_pb2.CALLER_SERVICE])),
        service("useless", access_pb2.Access(callers=[access_pb2.CALLER_USER], services=["friend"])),
        service("takes", access_pb2.Access(callers=[access_pb2.CALLER_USER]), streaming=True),
        service("fine", access_pb2.Access(callers=[access_pb2.CALLER_USER])),
    ]
    with pytest.raises(AccessTableError) as caught:
        AccessTable.from_descriptors(services, access_pb2.access)
    told = str(caught.value)
    for name in ("none", "empty", "unspecified", "nameless", "useless", "takes"):
        assert f"/test.{name}.S/M" in told
    assert "/test.fine.S/M" not in told


def test_methods_may_answer_by_a_stream() -> None:
    user = access_pb2.Access(callers=[access_pb2.CALLER_USER])
    table = AccessTable.from_descriptors(
        [service("flows", user, answers_by_stream=True), service("stands", user)], access_pb2.access
    )
    assert table.streams("/test.flows.S/M")
    assert not table.streams("/test.stands.S/M")
    assert not table.streams("/test.unknown.S/M")


@pytest.mark.parametrize(
    ("rule", "identity", "refusal"),
    [
        (AccessRule(True, False, frozenset()), None, None),
        (AccessRule(True, False, frozenset()), USER, None),
        (AccessRule(True, False, frozenset()), FRIEND, None),
        (AccessRule(False, True, frozenset()), None, ErrorKind.UNAUTHENTICATED),
        (AccessRule(False, True, frozenset()), USER, None),
        (AccessRule(False, True, frozenset()), FRIEND, ErrorKind.PERMISSION_DENIED),
        (AccessRule(False, False, frozenset({"friend"})), FRIEND, None),
        (AccessRule(False, False, frozenset({"other"})), FRIEND, ErrorKind.PERMISSION_DENIED),
        (AccessRule(False, False, frozenset({"friend"})), USER, ErrorKind.PERMISSION_DENIED),
        (AccessRule(False, False, frozenset({"friend"})), None, ErrorKind.UNAUTHENTICATED),
        (AccessRule(False, True, frozenset({"friend"})), FRIEND, None),
    ],
)
def test_who_passes(rule: AccessRule, identity: Identity | None, refusal: ErrorKind | None) -> None:
    if refusal is None:
        rule.check(identity)
        return
    with pytest.raises(AppError) as caught:
        rule.check(identity)
    assert caught.value.kind is refusal


PEOPLE = AccessRule(public=False, user=True, services=frozenset())
NOW_S = 1_800_000_000


@pytest.mark.parametrize(
    ("asked", "met", "unmet", "reason"),
    [
        ({"roles": frozenset({"admin", "support"})}, {"roles": frozenset({"support"})}, {}, "CALLER_NOT_ALLOWED"),
        (
            {"scopes": frozenset({"a", "b"})},
            {"scopes": frozenset({"a", "b", "c"})},
            {"scopes": frozenset({"a"})},
            "CALLER_NOT_ALLOWED",
        ),
        ({"min_level": 2}, {"level": 2}, {"level": 1}, "STEP_UP_NEEDED"),
        (
            {"max_age_s": 60},
            {"authenticated_at_s": NOW_S - 60},
            {"authenticated_at_s": NOW_S - 61},
            "STEP_UP_NEEDED",
        ),
    ],
)
def test_what_is_asked_of_people(
    asked: dict[str, Any], met: dict[str, Any], unmet: dict[str, Any], reason: str
) -> None:
    rule = dataclasses.replace(PEOPLE, **asked)
    rule.check(dataclasses.replace(USER, **met), NOW_S)
    with pytest.raises(AppError) as caught:
        rule.check(dataclasses.replace(USER, **unmet), NOW_S)
    assert caught.value.reason == reason
    # What is asked of people is not asked of services that are named.
    dataclasses.replace(rule, services=frozenset({"friend"})).check(FRIEND, NOW_S)


def test_a_step_up_says_what_is_missing() -> None:
    with pytest.raises(AppError) as caught:
        dataclasses.replace(PEOPLE, min_level=2, max_age_s=600).check(USER, NOW_S)
    assert caught.value.metadata == {"min_level": "2", "max_age_s": "600"}


def test_only_for_oneself_unless_by_role() -> None:
    rule = dataclasses.replace(PEOPLE, self_field="after_pos", roles=frozenset({"support"}))
    support = dataclasses.replace(USER, roles=frozenset({"support"}))

    def request(number: int) -> Any:
        return event_log_service_pb2.ListEventsRequest(after_pos=number)

    rule.check(USER, NOW_S, request(USER.user_id))
    rule.check(USER, NOW_S, request(0))
    rule.check(support, NOW_S, request(99))
    with pytest.raises(AppError) as caught:
        rule.check(USER, NOW_S, request(99))
    assert caught.value.kind is ErrorKind.PERMISSION_DENIED


@pytest.mark.parametrize(
    "access",
    [
        access_pb2.Access(callers=[access_pb2.CALLER_PUBLIC], min_level=2),
        access_pb2.Access(callers=[access_pb2.CALLER_SERVICE], services=["friend"], roles=["admin"]),
        access_pb2.Access(callers=[access_pb2.CALLER_USER], min_level=3),
        access_pb2.Access(callers=[access_pb2.CALLER_USER], max_age_s=-1),
        access_pb2.Access(callers=[access_pb2.CALLER_USER], self_field="nowhere"),
    ],
    ids=["public", "services", "level", "age", "field"],
)
def test_what_cannot_be_asked_stops_the_start(access: access_pb2.Access, request: pytest.FixtureRequest) -> None:
    with pytest.raises(AccessTableError):
        AccessTable.from_descriptors([service(f"asks_{request.node.callspec.id}", access)], access_pb2.access)
