"""AdminService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any

from daira.auth.v1 import admin_requests_pb2 as requests_pb
from daira.auth.v1 import admin_service_pb2 as pb
from daira.auth.v1 import admin_service_pb2_grpc
from services.auth.application.administer import Administer
from services.auth.application.ports import RawIdentifier
from services.auth.domain.assurance import Role
from services.auth.domain.identifier import mask_email, mask_phone
from services.auth.rpc.token_pairs import encode_time
from services.chassis import context
from services.chassis.errors import invalid


class AdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """AdminService over the use cases. Errors climb as AppError."""

    def __init__(self, administer: Administer) -> None:
        self._administer = administer

    async def LookUpAccount(self, request: pb.LookUpAccountRequest, _context: Any) -> pb.LookUpAccountResponse:  # noqa: N802
        """Find an account."""
        found = await self._administer.look_up(context.require_user(), _key(request))
        response = pb.LookUpAccountResponse(
            user_id=found.user_id,
            masked_phone=mask_phone(found.phone),
            masked_email=mask_email(found.email),
            status=pb.AccountStatus.ValueType(found.status),
            roles=_roles(found.roles),
            created_at=encode_time(found.created_at),
            suspension_reason=pb.SuspensionReason.ValueType(found.suspension_reason),
            sessions=found.sessions,
        )
        if found.suspended_until is not None:
            response.suspended_until.FromDatetime(found.suspended_until)
        if found.deletion_due_at is not None:
            response.deletion_due_at.FromDatetime(found.deletion_due_at)
        return response

    async def SuspendAccount(self, request: pb.SuspendAccountRequest, _context: Any) -> pb.SuspendAccountResponse:  # noqa: N802
        """Suspend an account."""
        if request.reason not in pb.SuspensionReason.values() or not request.reason:
            raise invalid("reason", "must be one of the contract's")
        ended = await self._administer.suspend(context.require_user(), request.user_id, request.reason, request.days)
        return pb.SuspendAccountResponse(ended_count=ended)

    async def LiftSuspension(self, request: pb.LiftSuspensionRequest, _context: Any) -> pb.LiftSuspensionResponse:  # noqa: N802
        """Lift a suspension."""
        return pb.LiftSuspensionResponse(lifted=await self._administer.lift(context.require_user(), request.user_id))

    async def EndSessions(self, request: pb.EndSessionsRequest, _context: Any) -> pb.EndSessionsResponse:  # noqa: N802
        """End all sessions of an account."""
        return pb.EndSessionsResponse(
            ended_count=await self._administer.end_sessions(context.require_user(), request.user_id)
        )

    async def UnlockSignIn(self, request: pb.UnlockSignInRequest, _context: Any) -> pb.UnlockSignInResponse:  # noqa: N802
        """Forget wrong passwords."""
        await self._administer.unlock(context.require_user(), request.user_id)
        return pb.UnlockSignInResponse()

    async def RequestRoleGrant(  # noqa: N802
        self, request: requests_pb.RequestRoleGrantRequest, _context: Any
    ) -> requests_pb.RequestRoleGrantResponse:
        """Ask for a role."""
        request_id, expires_at = await self._administer.request_role(
            context.require_user(), request.user_id, _role(request.role), request.reason
        )
        return requests_pb.RequestRoleGrantResponse(request_id=request_id, expires_at=encode_time(expires_at))

    async def ApproveRoleGrant(  # noqa: N802
        self, request: requests_pb.ApproveRoleGrantRequest, _context: Any
    ) -> requests_pb.ApproveRoleGrantResponse:
        """Give it."""
        await self._administer.approve_role(context.require_user(), request.request_id)
        return requests_pb.ApproveRoleGrantResponse()

    async def RevokeRole(self, request: requests_pb.RevokeRoleRequest, _context: Any) -> requests_pb.RevokeRoleResponse:  # noqa: N802
        """Take a role away."""
        revoked = await self._administer.revoke_role(context.require_user(), request.user_id, _role(request.role))
        return requests_pb.RevokeRoleResponse(revoked=revoked)

    async def ListRoleGrants(  # noqa: N802
        self, _request: requests_pb.ListRoleGrantsRequest, _context: Any
    ) -> requests_pb.ListRoleGrantsResponse:
        """Requests and holders."""
        waiting, holders = await self._administer.list_roles(context.require_user())
        return requests_pb.ListRoleGrantsResponse(
            waiting=[
                requests_pb.RoleGrantRequest(
                    request_id=one.request_id,
                    user_id=one.user_id,
                    role=requests_pb.AccountRole.ValueType(one.role.value),
                    reason=one.reason,
                    requested_by=one.requested_by,
                    expires_at=encode_time(one.expires_at),
                )
                for one in waiting
            ],
            holders=[requests_pb.RoleHolder(user_id=user_id, roles=_roles(roles)) for user_id, roles in holders],
        )

    async def RequestRevokeEverything(  # noqa: N802
        self, request: requests_pb.RequestRevokeEverythingRequest, _context: Any
    ) -> requests_pb.RequestRevokeEverythingResponse:
        """Ask for the end of every session."""
        request_id, expires_at = await self._administer.request_revocation(context.require_user(), request.reason)
        return requests_pb.RequestRevokeEverythingResponse(request_id=request_id, expires_at=encode_time(expires_at))

    async def ApproveRevokeEverything(  # noqa: N802
        self, request: requests_pb.ApproveRevokeEverythingRequest, _context: Any
    ) -> requests_pb.ApproveRevokeEverythingResponse:
        """End every session."""
        ended = await self._administer.approve_revocation(context.require_user(), request.request_id)
        return requests_pb.ApproveRevokeEverythingResponse(ended_count=ended)


def _key(request: pb.LookUpAccountRequest) -> RawIdentifier | int:
    if request.WhichOneof("key") == "user_id" and request.user_id > 0:
        return request.user_id
    match request.identifier.WhichOneof("value"):
        case "phone":
            return RawIdentifier(phone=request.identifier.phone)
        case "email":
            return RawIdentifier(email=request.identifier.email)
        case _:
            raise invalid("key", "needs a phone, an e-mail or an id")


def _role(number: int) -> Role:
    if number not in requests_pb.AccountRole.values() or not number:
        raise invalid("role", "must be one of the contract's")
    return Role(number)


def _roles(roles: Role) -> list[requests_pb.AccountRole.ValueType]:
    return [requests_pb.AccountRole.ValueType(role.value) for role in roles]
