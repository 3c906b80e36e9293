"""The fields that take more than one RPC, and the few that take none: resolvers written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from graphql import GraphQLSchema

from gateway import opaque_ids
from gateway.binding import contract
from gateway.binding.annotations import Annotations
from gateway.binding.answers import SignUpAnswer
from gateway.binding.inputs import RequestBuilder
from gateway.binding.resolvers import Resolver
from gateway.errors import GatewayError
from gateway.opaque_ids import IdType
from gateway.scope import Info
from services.chassis import context

_REGISTER: Final = "daira.auth.v1.AuthService/Register"
_CREATE_PROFILE: Final = "daira.social.v1.ProfileService/CreateProfile"
_GET_POST: Final = "daira.social.v1.PostService/GetPost"
_GET_PROFILE: Final = "daira.social.v1.ProfileService/GetProfile"


def composed_resolvers(annotated: GraphQLSchema) -> Mapping[str, Resolver]:
    """The resolvers by `Type.field`. `annotated` is the schema with its directives, for the mapping of inputs."""
    return {
        "Query.node": _node,
        "Mutation.signUp": _sign_up(annotated),
        "SignUpPayload.profile": lambda answer, _info: answer.profile,
        "SignOutPayload.signedOut": lambda _answer, _info: True,
        "RenamePasskeyPayload.renamed": lambda _answer, _info: True,
        "RemoveFactorPayload.removed": lambda _answer, _info: True,
    }


def _sign_up(annotated: GraphQLSchema) -> Resolver:
    mutation = annotated.mutation_type
    if mutation is None:
        raise contract.BindingError("the schema has no mutations")
    arguments, annotations = mutation.fields["signUp"].args, Annotations(annotated)
    register, create_profile = contract.method(_REGISTER), contract.method(_CREATE_PROFILE)
    registrations = RequestBuilder(register.request, arguments, annotations)
    profiles = RequestBuilder(create_profile.request, arguments, annotations)

    async def resolve(_source: Any, info: Info, **arguments: Any) -> SignUpAnswer:
        registration, profile = registrations.build(arguments), profiles.build(arguments)
        try:
            response = await info.context.call(register, registration)
        except GatewayError as error:
            raise registrations.rename(error) from error.__cause__
        # The account stands from here on: whatever happens to the profile is told at the profile's path.
        bearer, is_bound = response.tokens.access_token, bool(context.current().dpop)
        with context.bind(replace(context.current(), bearer=bearer, is_bound=is_bound)):
            try:
                made = await info.context.call(create_profile, profile)
            except GatewayError as error:
                return SignUpAnswer(registration, response, profiles.rename(error))
        return SignUpAnswer(registration, response, made.profile)

    return resolve


async def _node(_source: Any, info: Info, **arguments: Any) -> Any:
    kind, number = opaque_ids.decode(arguments["id"], "id")
    request: Any
    if kind is IdType.POST:
        method = contract.method(_GET_POST)
        request, field = method.request_class(post_id=number), "post"
    elif kind is IdType.USER:
        method = contract.method(_GET_PROFILE)
        request, field = method.request_class(user_id=number), "profile"
    else:
        # A line of somebody's statement or a transfer is shown only inside its list.
        return None
    try:
        return getattr(await info.context.call(method, request), field)
    except GatewayError as error:
        if error.is_not_found:
            return None
        raise
