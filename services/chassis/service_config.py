"""The gRPC service config of a client: even load, health, and retries of what may be repeated."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

_REPEATABLE: Final = frozenset({MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT})
_RETRY_POLICY: Final = {
    "maxAttempts": 3,
    "initialBackoff": "0.01s",
    "maxBackoff": "0.1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# In a full outage retries stop after the tokens are spent, and a tenth of the successes earns them back.
_RETRY_THROTTLING: Final = {"maxTokens": 10, "tokenRatio": 0.1}


def service_config(services: Iterable[ServiceDescriptor]) -> str:
    """The config as JSON. Retried are only methods whose idempotency_level says they may be.

    There are no timeouts in it on purpose: the client's own deadlines are exact, those of the config are not.
    """
    names = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if method.GetOptions().idempotency_level in _REPEATABLE
    ]
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
        "retryThrottling": _RETRY_THROTTLING,
    }
    if names:
        config["methodConfig"] = [{"name": names, "retryPolicy": _RETRY_POLICY}]
    return json.dumps(config)
