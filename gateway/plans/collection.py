"""The fields of a selection in order, fragments spread out, @skip and @include applied, as graphql-core has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graphql import DirectiveNode, Executor, GraphQLObjectType, VariableNode, Visitor, visit
from graphql.execution.collect_fields import CollectedFields, FieldDetails, collect_fields, collect_subfields
from graphql.language import DocumentNode

# A response key, the field's name, and the nodes that ask for it.
Collected = tuple[str, str, list[FieldDetails]]
_CONDITIONS: Final = frozenset({"skip", "include"})


class Collector:
    """Collects for one operation, as its conditions stand in the variables of `executor`."""

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor

    def roots(self, target: GraphQLObjectType) -> Iterator[Collected]:
        """The fields of the operation itself."""
        of = self._executor
        yield from _named(
            collect_fields(of.schema, of.fragments, of.variable_values, target, of.operation, hide_suggestions=True)
        )

    def subfields(self, target: GraphQLObjectType, details: list[FieldDetails]) -> Iterator[Collected]:
        """The fields of what several nodes of one key select together."""
        of = self._executor
        yield from _named(
            collect_subfields(
                of.schema, of.fragments, of.variable_values, of.operation, target, details, hide_suggestions=True
            )
        )


def _named(collected: CollectedFields) -> Iterator[Collected]:
    for key, details in collected.grouped_field_set.items():
        yield key, details[0].node.name.value, details


def condition_variables(document: DocumentNode) -> frozenset[str]:
    """The variables that decide about fields by @skip or @include anywhere in the document."""
    found: set[str] = set()

    class Conditions(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in _CONDITIONS:
                found.update(
                    each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)
                )

    visit(document, Conditions())
    return frozenset(found)
