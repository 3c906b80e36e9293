"""The arguments of one field of an operation: what does not depend on variables is worked out once."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    Undefined,
    ValueNode,
    VariableNode,
    Visitor,
    coerce_input_literal,
    is_non_null_type,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.utilities.coerce_input_value import coerce_default_value


class Arguments:
    """Argument values as graphql-core finds them."""

    __slots__ = ("_by_variable", "_field", "_fixed", "_node")

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        """The document is valid, so the arguments are."""
        self._field, self._node = field, node
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        self._fixed: dict[str, Any] | None = {}
        # Argument, variable, whether it must not be null, and the value when the variable is not given.
        self._by_variable: list[tuple[str, str, bool, Any]] = []
        for name, argument in field.args.items():
            self._add(name, argument, given.get(name))

    @property
    def are_fixed(self) -> bool:
        """Whether they are the same for all variables."""
        return self._fixed is not None and not self._by_variable

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """The values with these variables; GraphQLError when one may not stand there."""
        if self._fixed is None:
            return self._by_graphql_core(variables)
        values = dict(self._fixed)
        for name, variable, required, default in self._by_variable:
            value = variables.coerced.get(variable, default)
            if value is Undefined or value is None:
                if required:
                    return self._by_graphql_core(variables)
                if value is Undefined:
                    continue
            values[name] = value
        return values

    def _by_graphql_core(self, variables: VariableValues) -> dict[str, Any]:
        return get_argument_values(self._field, self._node, variables, hide_suggestions=True)

    def _add(self, name: str, argument: GraphQLArgument, node: ValueNode | None) -> None:
        if self._fixed is None:
            return
        default = coerce_default_value(argument)
        if isinstance(node, VariableNode):
            self._by_variable.append((name, node.name.value, is_non_null_type(argument.type), default))
            return
        if node is not None and _has_variables(node):
            self._fixed = None
            return
        value = default if node is None else coerce_input_literal(node, argument.type)
        if value is not Undefined:
            self._fixed[name] = value


def _has_variables(node: ValueNode) -> bool:
    found = False

    class Variables(Visitor):
        def enter_variable(self, _node: VariableNode, *_: Any) -> None:
            nonlocal found
            found = True

    visit(node, Variables())
    return found
