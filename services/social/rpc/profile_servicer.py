"""ProfileService: decode, use case, encode."""

from __future__ import annotations

from typing import Any

from daira.social.v1 import profile_service_pb2 as pb
from daira.social.v1 import profile_service_pb2_grpc
from services.chassis.context import require_user, viewer_id
from services.chassis.errors import invalid
from services.social.adapters.post_codec import profile_message
from services.social.application.profiles import ManageProfiles


class ProfileServicer(profile_service_pb2_grpc.ProfileServiceServicer):
    """Public profiles."""

    def __init__(self, profiles: ManageProfiles) -> None:
        self._profiles = profiles

    async def CreateProfile(self, request: pb.CreateProfileRequest, context: Any) -> pb.CreateProfileResponse:  # noqa: N802, ARG002 - gRPC's
        """Make the caller's profile."""
        made = await self._profiles.create(require_user(), request.handle, request.display_name, request.bio)
        return pb.CreateProfileResponse(profile=profile_message(made))

    async def UpdateProfile(self, request: pb.UpdateProfileRequest, context: Any) -> pb.UpdateProfileResponse:  # noqa: N802, ARG002
        """Change the caller's profile."""
        name = request.display_name if request.HasField("display_name") else None
        bio = request.bio if request.HasField("bio") else None
        is_private = request.is_private if request.HasField("is_private") else None
        changed = await self._profiles.update(require_user(), name, bio, is_private=is_private)
        return pb.UpdateProfileResponse(profile=profile_message(changed))

    async def GetProfile(self, request: pb.GetProfileRequest, context: Any) -> pb.GetProfileResponse:  # noqa: N802, ARG002
        """One profile by id or handle."""
        match request.WhichOneof("key"):
            case "user_id":
                found = await self._profiles.read(request.user_id, viewer_id())
            case "handle":
                found = await self._profiles.read_by_handle(request.handle, viewer_id())
            case _:
                raise invalid("key", "give a user_id or a handle")
        return pb.GetProfileResponse(profile=profile_message(found))

    async def BatchGetProfiles(  # noqa: N802 - gRPC's
        self,
        request: pb.BatchGetProfilesRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.BatchGetProfilesResponse:
        """Many profiles by id."""
        found = await self._profiles.read_many(list(request.user_ids), viewer_id())
        return pb.BatchGetProfilesResponse(profiles=[profile_message(profile) for profile in found])
