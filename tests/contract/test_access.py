"""Who may call what: docs/access.md is what the interceptor's table says, cell by cell."""

from __future__ import annotations

import dataclasses

import pytest
from google.protobuf.descriptor import MethodDescriptor

from daira.common.v1 import access_pb2
from protos.access_matrix import MATRIX, SERVICES, callers, matrix, methods
from services.auth.domain.assurance import Role, Scope
from services.chassis.access import AccessTable, method_path
from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import Identity, IdentityKind

METHODS = list(methods())
TABLE = AccessTable.from_descriptors(
    {method.containing_service.full_name: method.containing_service for method in METHODS}.values(), access_pb2.access
)
NOW_S = 1_800_000_000
# A person who meets whatever is asked of people; each test below takes something away.
PERSON = Identity(
    kind=IdentityKind.USER,
    user_id=1 << 12,
    level=2,
    authenticated_at_s=NOW_S,
    scopes=frozenset({"account", "social", "payments"}),
    roles=frozenset({"support", "moderator", "admin"}),
)
IDENTITIES: list[Identity | None] = [None, PERSON, *(Identity(kind=IdentityKind.SERVICE, service=s) for s in SERVICES)]


def test_the_page_is_fresh() -> None:
    assert MATRIX.read_text("utf-8") == matrix()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_each_cell_is_what_the_table_does(method: MethodDescriptor) -> None:
    rule = TABLE.rule(method_path(method))
    assert rule is not None
    for identity, may in zip(IDENTITIES, callers(method), strict=True):
        if may:
            rule.check(identity, NOW_S)
            continue
        with pytest.raises(AppError) as caught:
            rule.check(identity, NOW_S)
        expected = ErrorKind.UNAUTHENTICATED if identity is None else ErrorKind.PERMISSION_DENIED
        assert caught.value.kind is expected


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_services_that_are_named_exist_and_unknown_ones_are_refused(method: MethodDescriptor) -> None:
    access = method.GetOptions().Extensions[access_pb2.access]
    assert set(access.services) <= set(SERVICES)
    rule = TABLE.rule(method_path(method))
    assert rule is not None
    if not rule.public:
        with pytest.raises(AppError):
            rule.check(Identity(kind=IdentityKind.SERVICE, service="gateway-of-somebody-else"))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_each_thing_asked_of_people_is_asked(method: MethodDescriptor) -> None:
    access = method.GetOptions().Extensions[access_pb2.access]
    rule = TABLE.rule(method_path(method))
    assert rule is not None
    assert set(access.scopes) <= {scope.name.lower() for scope in Scope if scope.name}
    assert set(access.roles) <= {role.name.lower() for role in Role if role.name}
    lacking = []
    if access.scopes:
        lacking.append((dataclasses.replace(PERSON, scopes=frozenset()), "CALLER_NOT_ALLOWED"))
    if access.roles and not access.self_field:
        lacking.append((dataclasses.replace(PERSON, roles=frozenset()), "CALLER_NOT_ALLOWED"))
    if access.min_level > 1:
        lacking.append((dataclasses.replace(PERSON, level=access.min_level - 1), "STEP_UP_NEEDED"))
    if access.max_age_s:
        rule.check(dataclasses.replace(PERSON, authenticated_at_s=NOW_S - access.max_age_s), NOW_S)
        stale = dataclasses.replace(PERSON, authenticated_at_s=NOW_S - access.max_age_s - 1)
        lacking.append((stale, "STEP_UP_NEEDED"))
    for person, reason in lacking:
        with pytest.raises(AppError) as caught:
            rule.check(person, NOW_S)
        assert caught.value.reason == reason


def test_a_person_without_the_scope_of_a_service_has_no_way_into_it() -> None:
    for method in METHODS:
        access = method.GetOptions().Extensions[access_pb2.access]
        if access_pb2.CALLER_USER in access.callers and access_pb2.CALLER_PUBLIC not in access.callers:
            assert access.scopes, method.full_name
