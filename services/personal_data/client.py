"""What another service holds about people, read over PersonalDataService."""

from __future__ import annotations

from typing import Final

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from daira.privacy.v1 import personal_data_service_pb2 as pb
from daira.privacy.v1 import personal_data_service_pb2_grpc
from services.chassis.peer_errors import to_app_error
from services.personal_data.pages import PersonalPage, PersonalRecord

PERSONAL_DATA_API: Final[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["PersonalDataService"]


class RpcPersonalData:
    """A PersonalData of another service. The channel must carry this service's token for it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = personal_data_service_pb2_grpc.PersonalDataServiceStub(channel)

    async def page(self, user_id: int, token: str, size: int) -> PersonalPage:
        """A page; AppError as the service says, UNAVAILABLE or DEADLINE_EXCEEDED when it is away."""
        request = pb.ExportPersonalDataRequest(user_id=user_id, page_token=token, page_size=size)
        try:
            response: pb.ExportPersonalDataResponse = await self._stub.ExportPersonalData(request)
        except grpc.aio.AioRpcError as error:
            raise to_app_error(error) from error
        records = [PersonalRecord(record.kind, record.json) for record in response.records]
        return PersonalPage(records, response.next_page_token)
