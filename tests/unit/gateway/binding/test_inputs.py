"""Lists in requests: of scalars and of messages, each item by the same rules, and errors that name its place."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLSchema, build_ast_schema, parse

from daira.social.v1 import profile_service_pb2, safety_service_pb2
from gateway.binding import schema as binding
from gateway.binding.annotations import Annotations
from gateway.binding.contract import BindingError
from gateway.binding.inputs import RequestBuilder
from gateway.errors import GatewayError, bad_input
from gateway.opaque_ids import IdType, encode
from services.chassis.errors import FieldViolation

DIRECTIVES = (binding.FOLDER / "root.graphql").read_text("utf-8").split("scalar DateTime", maxsplit=1)[0]
DIRECTIVES = DIRECTIVES[: DIRECTIVES.rindex('"A moment')]
PEOPLE = """
input PeopleInput @message(name: "daira.social.v1.ListBlockedResponse") {
  people: [PersonInput!] @proto(field: "profiles")
  token: String @proto(field: "next_page_token")
}
input PersonInput @message(name: "daira.social.v1.Profile") {
  id: ID! @proto(field: "user_id") @id(type: USER)
  displayName: String @proto(field: "display_name")
}
type Query { ask(input: PeopleInput): Int }
"""
IDS = 'type Query { ask(ids: [ID!] @proto(field: "user_ids") @id(type: USER)): Int }'


def builder(text: str, message: Any) -> RequestBuilder:
    schema: GraphQLSchema = build_ast_schema(parse(DIRECTIVES + text))
    query = schema.query_type
    assert query is not None
    return RequestBuilder(message.DESCRIPTOR, query.fields["ask"].args, Annotations(schema))


def people() -> RequestBuilder:
    return builder(PEOPLE, safety_service_pb2.ListBlockedResponse)


def test_messages_in_a_list() -> None:
    items = [{"id": encode(IdType.USER, 7), "displayName": "سارة"}, {"id": encode(IdType.USER, 8)}]
    request: Any = people().build({"input": {"people": items, "token": "t"}})
    assert [(each.user_id, each.display_name) for each in request.profiles] == [(7, "سارة"), (8, "")]
    assert request.next_page_token == "t"


@pytest.mark.parametrize("given", [{}, {"input": None}, {"input": {"people": None}}, {"input": {"people": []}}])
def test_a_list_left_out_is_empty(given: dict[str, Any]) -> None:
    request: Any = people().build(given)
    assert list(request.profiles) == []


def test_scalars_in_a_list() -> None:
    ids = builder(IDS, profile_service_pb2.BatchGetProfilesRequest)
    request: Any = ids.build({"ids": [encode(IdType.USER, 3), encode(IdType.USER, 1)]})
    assert list(request.user_ids) == [3, 1]
    with pytest.raises(GatewayError) as caught:
        ids.build({"ids": [encode(IdType.USER, 3), encode(IdType.POST, 1)]})
    assert [violation.field for violation in caught.value.field_violations] == ["ids[1]"]


def test_what_is_wrong_within_an_item_names_its_place() -> None:
    items = [{"id": encode(IdType.USER, 7)}, {"id": encode(IdType.POST, 8)}]
    with pytest.raises(GatewayError) as caught:
        people().build({"input": {"people": items}})
    assert [violation.field for violation in caught.value.field_violations] == ["input.people[1].id"]
    with pytest.raises(GatewayError) as caught:
        people().build({"input": {"people": [{"id": encode(IdType.USER, 7), "displayName": "\ud800"}]}})
    assert [violation.field for violation in caught.value.field_violations] == ["input.people[0].displayName"]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("profiles", "input.people"),
        ("profiles[12]", "input.people[12]"),
        ("profiles[2].display_name", "input.people[2].displayName"),
        ("profiles[2].bio", "input.people[2].bio"),
        ("next_page_token", "input.token"),
        ("unknown[1]", "unknown[1]"),
    ],
)
def test_what_the_service_says_of_an_item_names_its_place(told: str, shown: str) -> None:
    error = bad_input(told, "is wrong")
    error.field_violations = (FieldViolation(told, "is wrong"),)
    assert people().rename(error).field_violations == (FieldViolation(shown, "is wrong"),)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("[PersonInput!]", "PersonInput"),
        ("[PersonInput!]", "[PersonInput]"),
        ("[PersonInput!]", "[[PersonInput!]!]"),
        ("[PersonInput!]", "[String!]"),
        ('"daira.social.v1.Profile"', '"daira.social.v1.Post"'),
        ("token: String", "token: [String!]"),
    ],
)
def test_lists_that_do_not_fit_are_refused(good: str, bad: str) -> None:
    assert good in PEOPLE
    with pytest.raises(BindingError):
        builder(PEOPLE.replace(good, bad), safety_service_pb2.ListBlockedResponse)
