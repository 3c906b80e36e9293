"""A process for supervisor tests: says ready, serves health, crashes or refuses to end, as its arguments say."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

say = partial(print, flush=True)


def main(role: str, *arguments: str) -> None:
    if role == "ready":
        say('{"event": "ready"}')
        time.sleep(600)
    elif role == "never":
        say("I will not say it")
        time.sleep(600)
    elif role == "fails":
        say("cannot find my left shoe")
        sys.exit(3)
    elif role == "task":
        sys.exit(0)
    elif role == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        say(f"grandchild {child.pid}")
        say("2026-01-01 00:00:00 [info     ] ready     port=1")
        time.sleep(600)
    elif role == "http":
        HTTPServer(("127.0.0.1", int(arguments[0])), _Ok).serve_forever()
    elif role == "grpc":
        _serve_health(arguments[0])


class _Ok(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the base class names them
        return


def _serve_health(address: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(address)
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    server.start()
    time.sleep(0.5)
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
