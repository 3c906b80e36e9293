"""Every field of the schema is documented, annotated, and its annotations name what the protos have."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_ast_schema,
    get_named_type,
    parse,
    print_schema,
)

from gateway.binding import contract, paths
from gateway.binding import schema as binding
from gateway.binding.annotations import Annotations
from gateway.binding.contract import BindingError
from gateway.composed import composed_resolvers

ANNOTATED = build_ast_schema(parse(binding.sources()))
ANNOTATIONS = Annotations(ANNOTATED)
OWN = {name: each for name, each in ANNOTATED.type_map.items() if not name.startswith("__")}
OBJECTS = {name: each for name, each in OWN.items() if isinstance(each, GraphQLObjectType)}
FIELDS = {f"{name}.{key}": field for name, each in OBJECTS.items() for key, field in each.fields.items()}
ANNOTATION_ONLY = {"RpcParent", "IdType"}


@pytest.mark.parametrize("name", sorted(set(OWN) - {"Boolean", "Float", "ID", "Int", "String"}))
def test_types_fields_arguments_and_values_are_documented(name: str) -> None:
    each = OWN[name]
    assert each.description, name
    if isinstance(each, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for key, field in each.fields.items():
            assert field.description, f"{name}.{key}"
            for argument, found in getattr(field, "args", {}).items():
                assert found.description, f"{name}.{key}({argument})"
    if isinstance(each, GraphQLEnumType):
        for key, value in each.values.items():
            assert value.description, f"{name}.{key}"


@pytest.mark.parametrize("where", sorted(FIELDS))
def test_field_says_where_it_comes_from_and_that_exists(where: str) -> None:
    field, parent = FIELDS[where], OBJECTS[where.split(".", maxsplit=1)[0]]
    sources = [kind for kind in ("rpc", "steps", "proto", "request", "error", "local") if ANNOTATIONS.one(field, kind)
               is not None]  # fmt: skip
    assert sources in (["rpc"], ["rpc", "proto"], ["steps"], ["proto"], ["request"], ["error"], ["local"]), sources
    rpc, path = ANNOTATIONS.one(field, "rpc"), ANNOTATIONS.text(field, "proto", "field")
    if rpc is not None:
        method = contract.method(rpc["method"])
        messages = [method.response]
    else:
        messages = [contract.message(found["name"]) for found in ANNOTATIONS.all(parent, "message")]
    if path is not None:
        assert messages
        for message in messages:
            paths.resolve(message, path)


def test_every_input_field_and_argument_fills_a_request_field() -> None:
    for name, each in OWN.items():
        if isinstance(each, GraphQLInputObjectType) and name not in ANNOTATION_ONLY:
            for key, field in each.fields.items():
                assert ANNOTATIONS.one(field, "proto") is not None, f"{name}.{key}"
    for where, field in FIELDS.items():
        for key, argument in field.args.items():
            if where != "Query.node":
                nested = isinstance(get_named_type(argument.type), GraphQLInputObjectType)
                assert nested or ANNOTATIONS.one(argument, "proto") is not None, f"{where}({key})"


def test_every_request_field_that_people_may_set_is_reachable() -> None:
    """A request field added to a proto must appear in the schema, or here with a reason."""
    unreachable = {
        "page_size": "first", "page_token": "after",  # Filled by paging.
    }  # fmt: skip
    for where, field in FIELDS.items():
        rpc = ANNOTATIONS.one(field, "rpc")
        if rpc is None:
            continue
        text = str([argument.ast_node and argument.ast_node.loc and argument.ast_node.loc.source.body[
            argument.ast_node.loc.start : argument.ast_node.loc.end] for argument in field.args.values()])  # fmt: skip
        for argument in field.args.values():
            target = get_named_type(argument.type)
            if isinstance(target, GraphQLInputObjectType):
                text += " ".join(str(ANNOTATIONS.text(each, "proto", "field")) for each in target.fields.values())
        filled = text + " ".join(pair["field"] for pair in rpc["parent"])
        for proto in contract.method(rpc["method"]).request.fields:
            assert proto.name in filled or proto.name in unreachable, f"{where}: {proto.full_name}"


def test_clients_see_no_annotations(schema: GraphQLSchema) -> None:
    text = print_schema(schema)
    assert not re.search(r"@(rpc|proto|message|steps|batch|local|id)\b", text)
    assert "daira." not in text
    assert ANNOTATION_ONLY.isdisjoint(schema.type_map)


def test_identifiers_of_schema_are_all_resolved_by_hand_or_annotation(schema: GraphQLSchema) -> None:
    for name, each in schema.type_map.items():
        if isinstance(each, GraphQLObjectType) and not name.startswith("__"):
            for key, field in each.fields.items():
                assert field.resolve is not None, f"{name}.{key}"


BROKEN = {
    "unknown method": ("PostService/GetPost", "PostService/FetchPost"),
    "unknown service": ("daira.payments.v1.PaymentsService/GetWallet", "daira.payments.v2.PaymentsService/GetWallet"),
    "unknown proto field": ('@proto(field: "likes_count")', '@proto(field: "like_count")'),
    "unknown nested field": ('"ranking.affinity"', '"ranking.attraction"'),
    "path through a scalar": ('"ranking.score"', '"source.score"'),
    "wrong scalar": ('body: String! @proto(field: "body")', 'body: Int! @proto(field: "body")'),
    "wrong input scalar": (
        'body: String! @proto(field: "body")\n  "1 to',
        'body: Piastres! @proto(field: "body")\n  "1 to',
    ),
    "unknown message": ('"daira.social.v1.Profile"', '"daira.social.v1.Person"'),
    "value missing in the proto's enum": ("\n  ARCHIVE\n", "\n  ATTIC\n"),
    "enum of another": (
        '@protoEnum(name: "daira.social.v1.FeedSource")',
        '@protoEnum(name: "daira.social.v1.FeedMode")',
    ),
    "non-null enum": ('kind: PostKind @proto(field: "kind")', 'kind: PostKind! @proto(field: "kind")'),
    "id without a kind": ('id: ID! @proto(field: "post_id") @id(type: POST)', 'id: ID! @proto(field: "post_id")'),
    "no annotation": ('degraded: Boolean! @proto(field: "degraded")', "degraded: Boolean!"),
    "two annotations": ("cursor: String! @local(", 'cursor: String! @proto(field: "post") @local('),
    "payload of another RPC": ("PostService/LikePost", "PostService/DeletePost"),
    "join by an unknown field": ('ids: "user_ids"', 'ids: "people"'),
    "join by an unknown key": ('items: "profiles", key: "user_id")', 'items: "profiles", key: "person_id")'),
    "refusal without a reason": ('reason: "INSUFFICIENT_FUNDS"', 'reason: "NO_MONEY"'),
    "refusal by an unknown state": ("TOP_UP_STATE_DECLINED", "TOP_UP_STATE_REFUSED"),
    "page of something else": ('items: "entries"', 'items: "next_page_token"'),
    "composed without a resolver": (
        'signedOut: Boolean! @local(from: "the call having succeeded")',
        'signedOut: Boolean! @local(from: "x")\n  "y"\n  more: Int @steps(methods: [])',
    ),
    "RPC behind a non-null field": ("): FeedConnection @rpc", "): FeedConnection! @rpc"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_binding_refuses(case: str) -> None:
    good, bad = BROKEN[case]
    text = binding.sources()
    assert good in text
    with pytest.raises(BindingError):
        binding.bind(text.replace(good, bad), composed_resolvers)


def test_resolvers_for_fields_that_do_not_exist_are_refused() -> None:
    def compose(annotated: GraphQLSchema) -> dict[str, Any]:
        return {**composed_resolvers(annotated), "Query.nothing": lambda *_: None}

    with pytest.raises(BindingError, match=r"Query\.nothing"):
        binding.bind(binding.sources(), compose)
