"""What an operation may cost, reckoned before it runs: calls, objects, and pages as long as `first` asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

COST_MAX: Final = 2000
_CALL: Final = 10
_OBJECT: Final = 1
_FIRST_DEFAULT: Final = 20
_FIRST_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Prices:
    """The price list of an operation. `fixed` is its sum when that does not depend on variables."""

    roots: tuple[_Price, ...]
    fixed: int | None

    def total(self, variables: Mapping[str, Any]) -> int:
        """The cost with these coerced variables."""
        return _sum(self.roots, variables) if self.fixed is None else self.fixed


@dataclass(frozen=True, slots=True)
class _Price:
    """Price of a field: its own, and what is below it times the page's length. `first` is a number or a variable."""

    own: int
    first: int | str
    below: tuple[_Price, ...]

    def total(self, variables: Mapping[str, Any]) -> int:
        times = self.first if isinstance(self.first, int) else _page_length(variables.get(self.first))
        return self.own + times * _sum(self.below, variables)


class CostModel:
    """Reckons the operations of one schema. An RPC costs 10, an object 1, a leaf nothing."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def prices(self, document: DocumentNode, operation: OperationDefinitionNode) -> Prices:
        """The price list of a validated operation, to be summed for the variables of each request."""
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        root = self._schema.get_root_type(operation.operation)
        roots = self._selection(root, operation.selection_set, fragments, {})
        return Prices(roots, None if operation.variable_definitions else _sum(roots, {}))

    def _selection(
        self,
        parent: Any,
        selection: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        spreads: dict[str, tuple[_Price, ...]],
    ) -> tuple[_Price, ...]:
        prices: list[_Price] = []
        for node in selection.selections:
            if isinstance(node, FieldNode):
                price = self._field(parent, node, fragments, spreads)
                if price is not None:
                    prices.append(price)
            elif isinstance(node, InlineFragmentNode):
                target = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                prices.extend(self._selection(target, node.selection_set, fragments, spreads))
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in spreads:
                    fragment = fragments[name]
                    target = self._schema.get_type(fragment.type_condition.name.value)
                    spreads[name] = self._selection(target, fragment.selection_set, fragments, spreads)
                prices.extend(spreads[name])
        return tuple(prices)

    def _field(
        self,
        parent: Any,
        node: FieldNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        spreads: dict[str, tuple[_Price, ...]],
    ) -> _Price | None:
        fields = parent.fields if isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)) else {}
        field = fields.get(node.name.value)
        # Introspection is bounded by depth and runs no call.
        if field is None or is_leaf_type(get_named_type(field.type)) or node.selection_set is None:
            return None
        target = get_named_type(field.type)
        below = self._selection(target, node.selection_set, fragments, spreads)
        calls = bool((field.extensions or {}).get("calls"))
        return _Price(_CALL if calls else _OBJECT, _first(node) if "first" in field.args else 1, below)


def _first(node: FieldNode) -> int | str:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, VariableNode):
                return argument.value.name.value
            if isinstance(argument.value, IntValueNode):
                return _page_length(int(argument.value.value))
    return _FIRST_DEFAULT


def _page_length(first: Any) -> int:
    # Out of range is refused when the field runs; here it only must not make the rest look cheap.
    return min(max(first, 1), _FIRST_MAX) if isinstance(first, int) else _FIRST_DEFAULT


def _sum(prices: tuple[_Price, ...], variables: Mapping[str, Any]) -> int:
    return sum(price.total(variables) for price in prices)
