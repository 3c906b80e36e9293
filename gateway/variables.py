"""The variables of one operation: their types and defaults are looked up once, their values read for each request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    coerce_input_value,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value

NO_VARIABLES: Final = VariableValues({}, {})


class Variables:
    """Reads variables as graphql-core does: what single values are is read here, lists and objects by its own hands."""

    __slots__ = ("_definitions", "_schema", "_signatures")

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        found = [get_variable_signature(schema, definition) for definition in self._definitions]
        signatures = [each for each in found if isinstance(each, GraphQLVariableSignature)]
        simple = len(signatures) == len(found) and all(
            is_leaf_type(get_nullable_type(each.type)) for each in signatures
        )
        # Name, type, whether it must be given, and the value when it is not.
        self._signatures = [(each.name, each.type, *_absent(each)) for each in signatures] if simple else None

    def read(self, given: Mapping[str, Any] | None) -> VariableValues | None:
        """The coerced variables; None when one is wrong, which is for graphql-core to tell."""
        if not self._definitions:
            return NO_VARIABLES
        given = given or {}
        if self._signatures is None:
            found = get_variable_values(self._schema, self._definitions, dict(given), hide_suggestions=True)
            return None if isinstance(found, list) else found
        coerced: dict[str, Any] = {}
        for name, kind, required, default in self._signatures:
            if name in given:
                value = coerce_input_value(given[name], kind)
                if value is Undefined:
                    return None
                coerced[name] = value
            elif required:
                return None
            elif default is not Undefined:
                coerced[name] = default
        return VariableValues({}, coerced)


def _absent(signature: GraphQLVariableSignature) -> tuple[bool, Any]:
    default = coerce_default_value(signature)
    return is_non_null_type(signature.type) and default is Undefined, default
