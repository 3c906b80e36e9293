"""Every GraphQL operation that the documentation shows is valid in the schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import DocumentNode, GraphQLSchema, parse, validate

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    page for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if "```graphql" in page.read_text("utf-8")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_runs(schema: GraphQLSchema, page: Path) -> None:
    blocks = re.findall(r"```graphql\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for definition in (one for block in blocks for one in parse(block).definitions):
        # Each alone: a page shows several, of which only one is sent at a time.
        errors = validate(schema, DocumentNode(definitions=(definition,)))
        assert not errors, f"{page.name}: {errors}"


def test_there_are_such_pages() -> None:
    assert {"README.md", "auth.md"} <= {page.name for page in PAGES}
