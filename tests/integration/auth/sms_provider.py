"""An SMS provider on a real port: it knows references, and is slow, broken or forgets to answer as a test says."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

# How a request ends: a status, or "silent": taken on, and then no answer for long.
SILENT = -1
_SILENCE_S = 3.0


class _Server(ThreadingHTTPServer):
    """Takes on as many connections at once as senders open."""

    request_queue_size = 256
    daemon_threads = True


class SmsProviderServer:
    """Answers requests as `script` says, the last entry for all further ones. A message is sent once by reference."""

    def __init__(self, script: Sequence[int]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.messages: Counter[str] = Counter()
        self.on_asked = threading.Event()
        self._script = list(script)
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                provider._answer(self)

            def log_message(self, *_arguments: object) -> None:
                """Nothing is to be seen of it."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/messages"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["content-length"])))
        reference = request.headers["idempotency-key"]
        with self._lock:
            place = len(self.asked)
            self.asked.append({**body, "key": reference, "authorization": request.headers["authorization"]})
            status = self._script[min(place, len(self._script) - 1)]
            is_known = reference in self.messages
            if (status == SILENT or status < 300) and not is_known:
                self.messages[reference] += 1
        self.on_asked.set()
        if status == SILENT:
            time.sleep(_SILENCE_S)
            return
        if is_known and status < 300:
            status = 409
        request.send_response(status)
        request.send_header("content-length", "0")
        request.end_headers()
