"""The parameters of a GraphQL request, out of a JSON body or a query string."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from gateway.execution import GraphQLRequest
from gateway.http.asgi import BODY_BYTES_MAX, Refused

_NAMES: Final = frozenset({"query", "operationName", "variables", "extensions"})
_FIELDS_MAX: Final = 20


def from_body(body: bytes) -> GraphQLRequest:
    """The parameters of a POST; Refused 400 for anything but one well-formed request."""
    if not body:
        raise _bad("the body is empty; send a JSON object with a query")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The parser's own words are about the client's bytes alone.
        raise _bad(f"the body is not JSON in UTF-8: {error}") from error
    if isinstance(value, list):
        raise _bad("batches are not supported; send one request at a time")
    if not isinstance(value, dict):
        raise _bad("the body must be a JSON object with a query")
    return _request(value)


def from_query_string(query_string: bytes) -> GraphQLRequest:
    """The parameters of a GET; `variables` and `extensions` are JSON. Refused 400 or 414."""
    if len(query_string) > BODY_BYTES_MAX:
        raise Refused(414, "BODY_TOO_LARGE", "the address is too long; send the request by POST")
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
        )
    except ValueError as error:
        raise _bad("the query string is not URL-encoded UTF-8") from error
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name not in _NAMES:
            continue
        if name in values:
            raise _bad(f"{name} is given twice")
        values[name] = _json(name, text) if name in {"variables", "extensions"} else text
    return _request(values)


def _json(name: str, text: str) -> Any:
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _bad(f"{name} is not JSON") from error


def _request(values: dict[str, Any]) -> GraphQLRequest:
    query = values.get("query")
    if not isinstance(query, str) or not query.strip():
        raise _bad("query must be a string that holds a GraphQL document")
    name = values.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _bad("operationName must be a string or null")
    for parameter in ("variables", "extensions"):
        if not isinstance(values.get(parameter), dict | None):
            raise _bad(f"{parameter} must be an object or null")
    return GraphQLRequest(query, name or None, values.get("variables"))


def _bad(message: str) -> Refused:
    return Refused(400, "BAD_REQUEST", message)
