"""The contract: every RPC says who may call it, generated code is fresh, limits and reasons are real."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from daira.common.v1 import access_pb2, error_reason_pb2
from daira.events.v1 import events_pb2

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    "daira.auth.v1.auth_service_pb2",
    "daira.auth.v1.audit_service_pb2",
    "daira.auth.v1.code_service_pb2",
    "daira.auth.v1.session_service_pb2",
    "daira.auth.v1.account_service_pb2",
    "daira.auth.v1.admin_service_pb2",
    "daira.auth.v1.factor_service_pb2",
    "daira.payments.v1.payments_service_pb2",
    "daira.payments.v1.payout_service_pb2",
    "daira.payments.v1.statement_service_pb2",
    "daira.payments.v1.subscription_service_pb2",
    "daira.payments.v1.refund_service_pb2",
    "daira.social.v1.profile_service_pb2",
    "daira.social.v1.graph_service_pb2",
    "daira.social.v1.post_service_pb2",
    "daira.social.v1.safety_service_pb2",
    "daira.social.v1.feature_service_pb2",
    "daira.social.v1.feed_service_pb2",
    "daira.analytics.v1.analytics_service_pb2",
    "daira.events.v1.event_log_service_pb2",
    "daira.privacy.v1.personal_data_service_pb2",
]
METHODS: list[MethodDescriptor] = [
    method
    for module in MODULES
    for service in importlib.import_module(module).DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


def access_of(method: MethodDescriptor) -> access_pb2.Access:
    return method.GetOptions().Extensions[access_pb2.access]


def test_every_service_file_is_listed() -> None:
    sources = (ROOT / "protos/daira").rglob("*.proto")
    with_services = {path.stem for path in sources if re.search(r"^service ", path.read_text("utf-8"), re.MULTILINE)}
    assert with_services == {module.rsplit(".", 1)[1].removesuffix("_pb2") for module in MODULES}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_method_says_who_may_call_it(method: MethodDescriptor) -> None:
    access = access_of(method)
    assert access.callers, f"{method.full_name} carries no (daira.common.v1.access)"
    assert access_pb2.CALLER_UNSPECIFIED not in access.callers
    assert bool(access.services) == (access_pb2.CALLER_SERVICE in access.callers)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_key_of_idempotence_comes_with_the_promise(method: MethodDescriptor) -> None:
    has_key = "idempotency_key" in method.input_type.fields_by_name
    if has_key:
        assert method.GetOptions().idempotency_level == MethodOptions.IDEMPOTENT, method.full_name


# Lists that cannot be long, by a limit on what there may be; and one that goes on by a position of its own.
BOUNDED = {
    "daira.auth.v1.SessionService.ListSessions",
    "daira.auth.v1.AdminService.ListRoleGrants",
    "daira.auth.v1.SessionService.ListDevices",
    "daira.auth.v1.SessionService.ListRevocations",
    "daira.payments.v1.PayoutService.ListPayoutDestinations",
    "daira.payments.v1.SubscriptionService.ListPlans",
}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_lists_come_in_pages(method: MethodDescriptor) -> None:
    """AIP-158: a method that answers a list takes a page size; batch reads are bounded by their request."""
    repeated = [field for field in method.output_type.fields if field.is_repeated]
    fields = method.input_type.fields_by_name
    if repeated and method.name.startswith("List") and method.full_name not in BOUNDED:
        assert "page_size" in fields, method.full_name
        assert "page_token" in fields or "after_pos" in fields, method.full_name


def payloads() -> list[tuple[FieldDescriptor, Descriptor]]:
    fields = events_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields
    return [(field, field.message_type) for field in fields if field.message_type is not None]


def test_payload_kinds_are_the_messages_snake_case() -> None:
    """Event.kind is the oneof field's name; it must be derivable from the message and the other way round."""
    for field, message in payloads():
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", message.name).lower()
        assert field.name == snake


def test_events_carry_no_personal_fields() -> None:
    personal = re.compile(r"phone|email|password|display_name|national|token")
    for field, message in payloads():
        for inner in message.fields:
            assert not personal.search(inner.name), f"{field.name}.{inner.name}"


def test_money_is_whole_piastres() -> None:
    for method in METHODS:
        for message in (method.input_type, method.output_type):
            for field in message.fields:
                if "piastres" in field.name:
                    assert field.type == FieldDescriptor.TYPE_INT64, field.full_name


def test_generated_code_is_fresh() -> None:
    outcome = subprocess.run(
        [sys.executable, "protos/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr


def test_reasons_in_the_code_exist_in_the_contract() -> None:
    names = error_reason_pb2.ErrorReason.keys()
    known = {name.removeprefix("ERROR_REASON_") for name in names}
    literal = re.compile(r"reason=\"([A-Z][A-Z_]+)\"|\breason: str = \"([A-Z][A-Z_]+)\"")
    for path in (ROOT / "services").rglob("*.py"):
        for match in literal.finditer(path.read_text("utf-8")):
            reason = match.group(1) or match.group(2)
            assert reason in known, f"{path.relative_to(ROOT)}: {reason} is not in error_reason.proto"
