"""What social says of its feature table: the posts that it holds, and its bytes."""

from __future__ import annotations

import grpc

from daira.social.v1 import feature_service_pb2 as pb
from daira.social.v1 import feature_service_pb2_grpc
from dev.scratch_platform import ScratchPlatform
from services.chassis.clock import SystemClock
from services.chassis.service_tokens import ServiceTokens, SigningSeed

PATIENCE_S = 10.0


def feature_table(scratch: ScratchPlatform) -> pb.GetFeatureTableResponse:
    """Position in the log, posts, and the bytes allocated for everything. RpcError when social does not answer."""
    seed = SigningSeed.from_text(scratch.endpoints["SOCIAL_SIGNING_KEY"])
    token = ServiceTokens(seed, "social", SystemClock()).to("social").mint()
    with grpc.insecure_channel(scratch.endpoints["SOCIAL_ADDRESS"]) as channel:
        stub = feature_service_pb2_grpc.FeatureServiceStub(channel)
        metadata = (("authorization", f"Bearer {token}"),)
        answer: pb.GetFeatureTableResponse = stub.GetFeatureTable(
            pb.GetFeatureTableRequest(), metadata=metadata, timeout=PATIENCE_S
        )
    return answer
