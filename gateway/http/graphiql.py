"""GraphiQL, served whole from this process: no address but its own is ever asked."""

from __future__ import annotations

import gzip
import hashlib
import string
from functools import cached_property
from pathlib import Path
from typing import Final

from gateway.http.asgi import Request, Response

_FOLDER: Final = Path(__file__).parents[1] / "graphiql"
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_PAGE: Final = "index.html"
PREFIX: Final = "/graphiql/"
_FOREVER: Final = "public, max-age=31536000, immutable"
_HASH_CHARS: Final = 16
# CodeMirror and GraphiQL set styles on elements while they run; scripts come from files only.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class GraphiQL:
    """The page and its files. File addresses hold a hash of the content, so they are cached for ever."""

    def page(self) -> Response:
        """The page."""
        headers = {
            **_HEADERS,
            "cache-control": "no-cache",
            "content-security-policy": _POLICY,
            "x-frame-options": "DENY",
        }
        return Response(200, self._html, "text/html; charset=utf-8", headers)

    def file(self, request: Request) -> Response | None:
        """A file of the page by its address; None when there is none."""
        name = self._names.get(request.path)
        if name is None:
            return None
        headers = {**_HEADERS, "cache-control": _FOREVER, "vary": "accept-encoding"}
        body = self._packed[name]
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return Response(200, body, _TYPES[Path(name).suffix], headers)

    @cached_property
    def _packed(self) -> dict[str, bytes]:
        return {
            path.name: gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
            for path in sorted(_FOLDER.iterdir())
            if path.suffix in _TYPES
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        return {f"{PREFIX}{self._hash(name)}/{name}": name for name in self._packed}

    @cached_property
    def _html(self) -> bytes:
        addresses = {name: address for address, name in self._names.items()}
        template = string.Template((_FOLDER / _PAGE).read_text("utf-8"))
        keys = {name.replace(".", "_").replace("-", "_"): address for name, address in addresses.items()}
        return template.substitute(keys).encode()

    def _hash(self, name: str) -> str:
        return hashlib.sha256(self._packed[name]).hexdigest()[:_HASH_CHARS]
