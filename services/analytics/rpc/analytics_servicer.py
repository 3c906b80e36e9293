"""AnalyticsService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from daira.analytics.v1 import analytics_service_pb2 as pb
from daira.analytics.v1 import analytics_service_pb2_grpc
from services.analytics.application.get_author_stats import GetAuthorStats
from services.analytics.application.get_ingest_status import GetIngestStatus
from services.analytics.domain.figures import AuthorFigures
from services.chassis import context


class AnalyticsServicer(analytics_service_pb2_grpc.AnalyticsServiceServicer):
    """AnalyticsService over the use cases. Errors climb as AppError."""

    def __init__(self, get_author_stats: GetAuthorStats, get_ingest_status: GetIngestStatus) -> None:
        self._get_author_stats = get_author_stats
        self._get_ingest_status = get_ingest_status

    async def GetAuthorStats(  # noqa: N802
        self, request: pb.GetAuthorStatsRequest, _context: Any
    ) -> pb.GetAuthorStatsResponse:
        """The caller's own figures."""
        stats = await self._get_author_stats(context.require_user(), request.days)
        counted_until = Timestamp()
        counted_until.FromDatetime(stats.counted_until)
        return pb.GetAuthorStatsResponse(
            total=_figures(stats.total),
            days=[pb.AuthorDay(day=day.isoformat(), figures=_figures(figures)) for day, figures in stats.days],
            counted_until=counted_until,
        )

    async def GetIngestStatus(  # noqa: N802
        self, _request: pb.GetIngestStatusRequest, _context: Any
    ) -> pb.GetIngestStatusResponse:
        """How far each service's log is stored."""
        return pb.GetIngestStatusResponse(
            positions=[
                pb.IngestPosition(service=status.service, pos=status.pos, head_pos=status.head_pos)
                for status in self._get_ingest_status()
            ]
        )


def _figures(figures: AuthorFigures) -> pb.AuthorFigures:
    return pb.AuthorFigures(
        posts=figures.posts,
        likes=figures.likes,
        followers=figures.followers,
        tips=figures.tips,
        tips_piastres=figures.tips_piastres,
    )
