"""The plans of one operation: each made when it is first asked for, and kept as long as the document is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import DocumentNode

from gateway.plans.collection import condition_variables
from gateway.plans.compiler import OperationPlan

# Each way in which the variables of @skip and @include can stand has a plan of its own.
_PLANS_MAX: Final = 8


class Shelf:
    """Plans of an operation, by the values of the variables that decide about fields, which are booleans."""

    __slots__ = ("_conditions", "_plans")

    def __init__(self, document: DocumentNode) -> None:
        self._conditions = tuple(sorted(condition_variables(document)))
        self._plans: OrderedDict[tuple[Any, ...], OperationPlan | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._plans)

    def plan(self, variables: Mapping[str, Any], make: Callable[[], OperationPlan | None]) -> OperationPlan | None:
        """The plan for these coerced variables; None, which is kept too, when the operation needs resolvers."""
        key = tuple([variables.get(name) for name in self._conditions])
        if key not in self._plans:
            self._plans[key] = make()
            if len(self._plans) > _PLANS_MAX:
                self._plans.popitem(last=False)
        return self._plans[key]
