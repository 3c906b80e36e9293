"""The protobuf contract as the binding asks for it: methods, messages and enums by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from daira.analytics.v1 import analytics_service_pb2
from daira.auth.v1 import (
    account_service_pb2,
    admin_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    code_service_pb2,
    factor_service_pb2,
    session_service_pb2,
)
from daira.payments.v1 import (
    payments_service_pb2,
    payout_service_pb2,
    refund_service_pb2,
    statement_service_pb2,
    subscription_service_pb2,
)
from daira.social.v1 import (
    feed_service_pb2,
    graph_service_pb2,
    post_service_pb2,
    profile_service_pb2,
    safety_service_pb2,
)


class BindingError(Exception):
    """An annotation of the schema that the contract does not bear out."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC. `backend` is the short name of the service that serves it, `path` what gRPC calls.

    One that `streams` has many answers.
    """

    name: str
    path: str
    backend: str
    request: Descriptor
    response: Descriptor
    streams: bool = False

    @property
    def request_class(self) -> type[Message]:
        """The class of requests."""
        return GetMessageClass(self.request)

    @property
    def response_class(self) -> type[Message]:
        """The class of responses."""
        return GetMessageClass(self.response)


@cache
def files() -> dict[str, tuple[FileDescriptor, ...]]:
    """The files with services that the gateway calls, by backend."""
    return {
        "auth": (
            auth_service_pb2.DESCRIPTOR,
            code_service_pb2.DESCRIPTOR,
            factor_service_pb2.DESCRIPTOR,
            session_service_pb2.DESCRIPTOR,
            account_service_pb2.DESCRIPTOR,
            audit_service_pb2.DESCRIPTOR,
            admin_service_pb2.DESCRIPTOR,
        ),
        "social": tuple(
            module.DESCRIPTOR
            for module in (
                feed_service_pb2,
                graph_service_pb2,
                post_service_pb2,
                profile_service_pb2,
                safety_service_pb2,
            )
        ),
        "payments": (
            payments_service_pb2.DESCRIPTOR,
            payout_service_pb2.DESCRIPTOR,
            refund_service_pb2.DESCRIPTOR,
            statement_service_pb2.DESCRIPTOR,
            subscription_service_pb2.DESCRIPTOR,
        ),
        "analytics": (analytics_service_pb2.DESCRIPTOR,),
    }


def services(backend: str) -> list[ServiceDescriptor]:
    """The services of a backend."""
    return [service for file in files()[backend] for service in file.services_by_name.values()]


@cache
def _methods() -> dict[str, Method]:
    return {
        f"{service.full_name}/{method.name}": Method(
            name=f"{service.full_name}/{method.name}",
            path=f"/{service.full_name}/{method.name}",
            backend=backend,
            request=method.input_type,
            response=method.output_type,
            streams=method.server_streaming,
        )
        for backend in files()
        for service in services(backend)
        for method in service.methods
    }


@cache
def _types() -> tuple[dict[str, Descriptor], dict[str, EnumDescriptor]]:
    messages: dict[str, Descriptor] = {}
    enums: dict[str, EnumDescriptor] = {}
    seen: set[str] = set()
    queue = [file for group in files().values() for file in group]
    while queue:
        file = queue.pop()
        if file.name in seen:
            continue
        seen.add(file.name)
        queue.extend(_dependencies(file))
        messages.update({message.full_name: message for message in file.message_types_by_name.values()})
        enums.update({enum.full_name: enum for enum in file.enum_types_by_name.values()})
    return messages, enums


def _dependencies(file: FileDescriptor) -> Iterable[FileDescriptor]:
    return (dependency for dependency in file.dependencies if dependency.package.startswith("daira."))


def method(name: str) -> Method:
    """The method `package.Service/Method`; BindingError when there is none."""
    found = _methods().get(name)
    if found is None:
        raise BindingError(f"there is no method {name}")
    return found


def message(name: str) -> Descriptor:
    """The message of this full name; BindingError when there is none."""
    found = _types()[0].get(name)
    if found is None:
        raise BindingError(f"there is no message {name}")
    return found


def enum(name: str) -> EnumDescriptor:
    """The enum of this full name; BindingError when there is none."""
    found = _types()[1].get(name)
    if found is None:
        raise BindingError(f"there is no enum {name}")
    return found
