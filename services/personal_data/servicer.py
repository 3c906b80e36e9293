"""PersonalDataService over what a service holds."""

from __future__ import annotations

from typing import Any, Final

from daira.privacy.v1 import personal_data_service_pb2 as pb
from daira.privacy.v1 import personal_data_service_pb2_grpc
from services.chassis.errors import invalid
from services.personal_data.pages import PersonalData

_PAGE_DEFAULT: Final = 500
_PAGE_MAX: Final = 1000


class PersonalDataServicer(personal_data_service_pb2_grpc.PersonalDataServiceServicer):
    """Pages of what is held about a person, for auth alone."""

    def __init__(self, data: PersonalData) -> None:
        self._data = data

    async def ExportPersonalData(  # noqa: N802 - gRPC's
        self, request: pb.ExportPersonalDataRequest, _context: Any
    ) -> pb.ExportPersonalDataResponse:
        """A page."""
        if request.user_id <= 0:
            raise invalid("user_id", "must be above 0")
        if not 0 <= request.page_size <= _PAGE_MAX:
            raise invalid("page_size", f"must be 0 to {_PAGE_MAX}")
        page = await self._data.page(request.user_id, request.page_token, request.page_size or _PAGE_DEFAULT)
        return pb.ExportPersonalDataResponse(
            records=[pb.PersonalRecord(kind=record.kind, json=record.json) for record in page.records],
            next_page_token=page.next_token,
        )
