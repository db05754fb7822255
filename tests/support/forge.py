"""A forge on loopback, over https: real git behind it, or one that misbehaves."""

from __future__ import annotations

import gzip
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "forge.test"  # no resolver knows it


class Forge(ThreadingHTTPServer):
    """root: the folder of its repositories. asked: the paths of requests. answer: what it does instead of
    serving them; may take the handler.
    """

    daemon_threads = True

    def __init__(self, root: Path, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.asked = root, list[str]()
        self.answer = None
        self.over = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def url(self, repository: str, host: str = NAME) -> str:
        return f"https://{host}:{self.server_address[1]}/{repository}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Forge

    def log_message(self, *words: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.answer:
            self.server.answer(self)
        else:
            self.serve()

    do_POST = do_GET

    def serve(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)

    def say(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)


@contextmanager
def forge(root: Path, folder: Path) -> Iterator[Forge]:
    """folder: where its certificate is put, as `authority.pem`."""
    certificate = folder / "authority.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", certificate, "-out", f"{certificate}.crt", "-days", "2", "-subj", f"/CN={NAME}"]
    words += ["-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
    subprocess.run(words, check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + Path(f"{certificate}.crt").read_bytes())
    server = Forge(root, certificate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
