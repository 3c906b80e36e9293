"""GraphiQL: whole, offline, cached for ever by content, under a policy that loads nothing foreign."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from graphql import GraphQLSchema, parse, validate

import gateway

FOLDER = Path(gateway.__file__).parent / "graphiql"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/graphiql"])
async def test_page_and_all_it_needs(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path, headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "<script>" not in page.text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    files = [address for address in addresses if not address.startswith("data:")]
    assert len(files) == 7
    for address in files:
        assert address.startswith("/graphiql/")
        found = await client.get(address)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
        plain = await client.get(address, headers={"accept-encoding": "identity"})
        assert plain.content == (FOLDER / address.rsplit("/", 1)[1]).read_bytes()


async def test_files_come_packed_to_those_who_take_it(client: httpx.AsyncClient) -> None:
    page = (await client.get("/", headers=BROWSER)).text
    address = next(found for found in re.findall(r'src="([^"]+)"', page) if found.endswith("/graphiql.min.js"))
    async with client.stream("GET", address, headers={"accept-encoding": "gzip"}) as response:
        packed = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert len(packed) < 1_000_000
    assert gzip.decompress(packed) == (FOLDER / "graphiql.min.js").read_bytes()


async def test_it_can_be_turned_off(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client(graphiql=False) as client:
        assert (await client.get("/", headers=BROWSER)).status_code == 404
        assert (await client.get("/graphiql", headers=BROWSER)).status_code == 404


def test_vendored_files_are_those_of_the_readme() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == 4
    for name, digest in rows:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_the_tabs_hold_queries_that_are_valid(schema: GraphQLSchema) -> None:
    documents = re.findall(r"= `(.*?)`;", (FOLDER / "tabs.js").read_text("utf-8"), re.DOTALL)
    assert len(documents) == 4
    for text in documents:
        assert validate(schema, parse(text)) == []
