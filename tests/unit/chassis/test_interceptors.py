"""The order of the layers, and the one table of kinds and statuses."""

from __future__ import annotations

import grpc
import pytest

from services.chassis.access import AccessRule, AccessTable
from services.chassis.errors import AppError, ErrorKind
from services.chassis.interceptors.authentication import AuthenticationLayer, read_authorization
from services.chassis.interceptors.errors import STATUS_BY_KIND
from services.chassis.interceptors.ordering import ORDER, LayeredInterceptor, chassis_layers
from services.chassis.metrics import Metrics
from services.chassis.service_config import service_config
from tests.fakes.clock import FixedClock
from tests.unit.chassis.rpc_rig import DESCRIPTOR


def test_the_order_is_asserted() -> None:
    layers = chassis_layers(AccessTable({}), None, FixedClock(), Metrics(), 1.0, 10.0)
    assert tuple(layer.name for layer in layers) == ORDER
    LayeredInterceptor(layers)
    with pytest.raises(ValueError, match="order"):
        LayeredInterceptor(layers[::-1])
    with pytest.raises(ValueError, match="order"):
        LayeredInterceptor(layers[:-1])


def test_every_kind_has_a_status_of_its_own() -> None:
    assert set(STATUS_BY_KIND) == set(ErrorKind)
    assert len(set(STATUS_BY_KIND.values())) == len(ErrorKind)
    assert all(STATUS_BY_KIND[kind] is getattr(grpc.StatusCode, kind.name) for kind in ErrorKind)


def test_doors_need_a_doorkeeper() -> None:
    table = AccessTable({"/s/m": AccessRule(public=False, user=True, services=frozenset())})
    with pytest.raises(ValueError, match="verifier"):
        AuthenticationLayer(table, None, FixedClock())


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_bearer(header: str) -> None:
    assert read_authorization(header) == (False, "abc")


@pytest.mark.parametrize("header", ["Basic abc", "abc", "Bearer", "Bearer  "])
def test_other_schemes(header: str) -> None:
    with pytest.raises(AppError) as caught:
        read_authorization(header)
    assert caught.value.reason == "TOKEN_INVALID"


def test_no_header_is_no_token() -> None:
    assert read_authorization("") == (False, "")


def test_only_repeatable_methods_are_in_the_retry_policy() -> None:
    config = service_config([DESCRIPTOR])
    assert '"Echo"' in config
    assert '"Repeat"' in config
    assert '"Change"' not in config
    assert '"timeout"' not in config
