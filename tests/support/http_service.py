"""A service on this machine that answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import ClassVar

from django.test import override_settings


class Service(BaseHTTPRequestHandler):
    """status, body, headers: of each answer. asked: the paths so far."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b"all is well"
    headers_: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []
    slow = threading.Event()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers_}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.slow.is_set():
            for byte in self.body:  # a byte now and then
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                threading.Event().wait(0.3)
            return
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def service(*, allowed: bool = True) -> Iterator[str]:
    """Its address. allowed: Omoi may connect to this machine."""
    Service.status, Service.body, Service.headers_ = 200, b"all is well", {}
    Service.asked.clear()
    Service.slow.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    networks = [ip_network("127.0.0.0/8")] if allowed else []
    with override_settings(ALLOWED_NETWORKS=networks):
        try:
            yield f"http://127.0.0.1:{server.server_port}/health"
        finally:
            server.shutdown()
            server.server_close()
