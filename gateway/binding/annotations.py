"""Typed reading of the directives in the schema's source."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    value_from_ast,
)
from graphql.language import DirectiveNode

from gateway.binding.contract import BindingError

Annotated = (
    GraphQLArgument | GraphQLEnumType | GraphQLField | GraphQLInputField | GraphQLInputObjectType | GraphQLObjectType
)


class Annotations:
    """The annotations of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._directives = {directive.name: directive for directive in schema.directives}

    def all(self, element: Annotated | GraphQLNamedType, name: str) -> list[dict[str, Any]]:
        """The arguments of every `@name` on the element, defaults filled in."""
        nodes = element.ast_node.directives if element.ast_node else ()
        return [self._arguments(node) for node in nodes or () if node.name.value == name]

    def one(self, element: Annotated | GraphQLNamedType, name: str) -> dict[str, Any] | None:
        """The arguments of the only `@name` on the element; None without one."""
        found = self.all(element, name)
        if len(found) > 1:
            raise BindingError(f"@{name} stands more than once on {element}")
        return found[0] if found else None

    def text(self, element: Annotated, name: str, argument: str) -> str | None:
        """One argument of the only `@name`; None without one."""
        found = self.one(element, name)
        return None if found is None else found.get(argument)

    def _arguments(self, node: DirectiveNode) -> dict[str, Any]:
        directive = self._directives[node.name.value]
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        values: dict[str, Any] = {}
        for name, argument in directive.args.items():
            if name in given:
                values[name] = value_from_ast(given[name], argument.type)
            elif argument.ast_node is not None and argument.ast_node.default_value is not None:
                values[name] = value_from_ast(argument.ast_node.default_value, argument.type)
        return values
