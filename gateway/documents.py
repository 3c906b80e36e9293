"""Parsed and validated documents, kept in a bounded cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from gateway import limits
from gateway.cost import CostModel, Prices
from gateway.plans.shelf import Shelf
from gateway.variables import Variables

_ERRORS_MAX: Final = 10
_CACHE_ENTRIES: Final = 1000
# Long documents are rare, and a cache of them would be a way to fill the memory.
_CACHED_CHARS_MAX: Final = 8192

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"


class PreparedOperation:
    """An operation of a document, its variables, its price list, and its plans."""

    __slots__ = ("_prices", "node", "plans", "variables")

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode) -> None:
        self.node = node
        self.variables = Variables(schema, node)
        self.plans = Shelf(document)
        self._prices: Prices | None = None

    def prices(self, document: DocumentNode, model: CostModel) -> Prices:
        """The price list, made once."""
        if self._prices is None:
            self._prices = model.prices(document, self.node)
        return self._prices


@dataclass(slots=True)
class PreparedDocument:
    """A document that may be executed."""

    schema: GraphQLSchema
    document: DocumentNode
    _operations: dict[str | None, PreparedOperation] = field(default_factory=dict)

    def operation(self, name: str | None) -> PreparedOperation | None:
        """The operation asked for; None when it is not there, or several are and none is named."""
        found = self._operations.get(name)
        if found is None:
            node = get_operation_ast(self.document, name)
            if node is None:
                return None
            found = self._operations[name] = PreparedOperation(self.schema, self.document, node)
        return found


class Documents:
    """Prepares documents for one schema. The cache holds the least recently used out."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool, entries: int = _CACHE_ENTRIES) -> None:
        self._schema = schema
        self._suggest = introspection
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._entries = entries
        self._cache: OrderedDict[str, PreparedDocument] = OrderedDict()
        # Called with whether the cache had the document; a metric hangs here.
        self.on_lookup: Callable[[bool], None] = lambda _hit: None

    def prepare(self, text: str) -> PreparedDocument | list[GraphQLError]:
        """The document, or why it may not run: syntax, limits, validation."""
        found = self._cache.get(text)
        if found is not None:
            self._cache.move_to_end(text)
            self.on_lookup(True)
            return found
        self.on_lookup(False)
        outcome = self._prepare(text)
        if isinstance(outcome, PreparedDocument) and len(text) <= _CACHED_CHARS_MAX:
            self._cache[text] = outcome
            if len(self._cache) > self._entries:
                self._cache.popitem(last=False)
        return outcome

    def _prepare(self, text: str) -> PreparedDocument | list[GraphQLError]:
        if len(text) > limits.CHARS_MAX:
            return [limits.refused(f"more than {limits.CHARS_MAX} characters")]
        stage = PARSE_FAILED
        try:
            document = parse(text, max_tokens=limits.TOKENS_MAX, max_comments=limits.TOKENS_MAX)
            refused = limits.check_shape(document)
            if refused is not None:
                return [refused]
            stage = VALIDATION_FAILED
            errors = validate(
                self._schema, document, self._rules, max_errors=_ERRORS_MAX, hide_suggestions=not self._suggest
            )
        except GraphQLSyntaxError as error:
            return [_coded(error, stage)]
        except RecursionError:
            return [_coded(GraphQLError("The document is nested too deeply."), stage)]
        return [_coded(error, stage) for error in errors] if errors else PreparedDocument(self._schema, document)


def _coded(error: GraphQLError, code: str) -> GraphQLError:
    error.extensions = {**(error.extensions or {}), "code": code}
    return error
