"""Who may call what: docs/access.md is what the interceptor's table says, cell by cell."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import MethodDescriptor

from daira.common.v1 import access_pb2
from protos.access_matrix import MATRIX, SERVICES, callers, matrix, methods
from services.chassis.access import AccessTable, method_path
from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import Identity, IdentityKind

METHODS = list(methods())
TABLE = AccessTable.from_descriptors(
    {method.containing_service.full_name: method.containing_service for method in METHODS}.values(), access_pb2.access
)
PERSON = Identity(kind=IdentityKind.USER, user_id=1 << 12)
IDENTITIES: list[Identity | None] = [None, PERSON, *(Identity(kind=IdentityKind.SERVICE, service=s) for s in SERVICES)]


def test_the_page_is_fresh() -> None:
    assert MATRIX.read_text("utf-8") == matrix()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_each_cell_is_what_the_table_does(method: MethodDescriptor) -> None:
    rule = TABLE.rule(method_path(method))
    assert rule is not None
    for identity, may in zip(IDENTITIES, callers(method), strict=True):
        if may:
            rule.check(identity)
            continue
        with pytest.raises(AppError) as caught:
            rule.check(identity)
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
