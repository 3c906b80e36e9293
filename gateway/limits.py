"""Limits on the shape of a document, checked before the dearer rules of validation see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

TOKENS_MAX: Final = 2000
CHARS_MAX: Final = 60_000
DEPTH_MAX: Final = 15
ALIASES_MAX: Final = 30
ROOT_FIELDS_MAX: Final = 20
DIRECTIVES_MAX: Final = 30
OPERATIONS_MAX: Final = 20
FIELDS_MAX: Final = 1000
_INTROSPECTION: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a selection set comes to with its fragments spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    roots: int = 0

    def beside(self, other: _Shape) -> _Shape:
        """Both in one selection."""
        return _Shape(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.roots + other.roots,
        )


def check_shape(document: DocumentNode) -> GraphQLError | None:
    """The limit that some operation of the document passes; None when it passes none.

    Fragments count as often as they are spread. A fragment that spreads itself counts once here; validation refuses it.
    """
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) > OPERATIONS_MAX:
        return refused(f"more than {OPERATIONS_MAX} operations in a document")
    measure = _Measure(document)
    try:
        for operation in operations:
            problem = _problem(measure.selection(operation.selection_set), len(operation.directives or ()))
            if problem:
                return refused(problem)
    except RecursionError:
        return refused(f"fields deeper than {DEPTH_MAX}")
    return None


def _problem(shape: _Shape, directives: int) -> str | None:
    limits = (
        (shape.depth, DEPTH_MAX, "fields deeper than"),
        (shape.fields, FIELDS_MAX, "more fields than"),
        (shape.aliases, ALIASES_MAX, "more aliases than"),
        (shape.directives + directives, DIRECTIVES_MAX, "more directives than"),
        (shape.roots, ROOT_FIELDS_MAX, "more root fields than"),
    )
    return next((f"{what} {limit}" for value, limit, what in limits if value > limit), None)


def refused(problem: str) -> GraphQLError:
    """The error of a document that passes a limit."""
    return GraphQLError(f"The document is too large: {problem}.", extensions={"code": "DOCUMENT_TOO_LARGE"})


class _Measure:
    """Measures selections of one document; each fragment is measured once."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Shape] = {}

    def selection(self, selection: SelectionSetNode) -> _Shape:
        shape = _Shape()
        for node in selection.selections:
            used = len(_directives(node))
            if isinstance(node, FieldNode):
                below = self.selection(node.selection_set) if node.selection_set else _Shape()
                # The depth of introspection has a rule of its own in validation.
                depth = 1 if node.name.value in _INTROSPECTION else below.depth + 1
                each = _Shape(
                    depth, below.fields + 1, below.aliases + (node.alias is not None), below.directives + used, 1
                )
            elif isinstance(node, InlineFragmentNode):
                each = self.selection(node.selection_set).beside(_Shape(directives=used))
            elif isinstance(node, FragmentSpreadNode):
                each = self._fragment(node.name.value).beside(_Shape(directives=used))
            else:
                continue
            shape = shape.beside(each)
        return shape

    def _fragment(self, name: str) -> _Shape:
        if name not in self._measured:
            self._measured[name] = _Shape()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._measured[name] = self.selection(fragment.selection_set)
        return self._measured[name]


def _directives(node: object) -> tuple[DirectiveNode, ...]:
    return getattr(node, "directives", None) or ()
