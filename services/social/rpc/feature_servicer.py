"""FeatureService: what this replica's feature table holds."""

from __future__ import annotations

from typing import Any

from daira.social.v1 import feature_service_pb2 as pb
from daira.social.v1 import feature_service_pb2_grpc
from services.social.adapters.feature_tail import FeatureTail


class FeatureServicer(feature_service_pb2_grpc.FeatureServiceServicer):
    """Answers operators."""

    def __init__(self, tail: FeatureTail) -> None:
        self._tail = tail

    async def GetFeatureTable(  # noqa: N802 - gRPC's
        self,
        request: pb.GetFeatureTableRequest,  # noqa: ARG002
        context: Any,  # noqa: ARG002
    ) -> pb.GetFeatureTableResponse:
        """Position and checksum belong together: no event is applied between the two."""
        stats = self._tail.stats()
        return pb.GetFeatureTableResponse(
            position=self._tail.position,
            checksum=f"{self._tail.checksum():016x}",
            posts=stats["posts"],
            bytes=stats["bytes"],
        )
