"""A process of the port and the bridge over a small WSGI application, with little patience: `python -m
tests.support.echo_server LISTENER GATE [SOCKETS [PATIENCE_S]]`.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from collections.abc import Iterable
from typing import Any


class Answer(list[bytes]):
    """As Django's responses are: it says whether it streams."""

    def __init__(self, body: list[bytes], *, streaming: bool = False) -> None:
        super().__init__(body)
        self.streaming = streaming


def application(env: dict[str, Any], start: Any) -> Iterable[bytes]:
    path = env["PATH_INFO"]
    if path.endswith("/hold"):
        os.read(int(sys.argv[2]), 1)
    if path.endswith("/crash"):
        raise ZeroDivisionError
    if path.endswith("/nothing"):
        start("204 No Content", [("Content-Type", "text/plain")])
        return Answer([b""])
    if path.endswith("/same"):
        start("304 Not Modified", [("ETag", '"1"')])
        return Answer([b"never sent"])
    if path.endswith("/large"):
        start("200 OK", [])
        return Answer([b"x" * 13_000_000])
    if path.endswith("/export"):
        start("200 OK", [])
        return Answer([b"line\n"] * 100_000, streaming=True)
    if path.endswith("/file"):
        start("200 OK", [("Content-Length", "300000")])
        return env["wsgi.file_wrapper"](io.BytesIO(b"y" * 300_000))
    body = env["wsgi.input"].read(int(env["CONTENT_LENGTH"]))
    seen = {name: value for name, value in env.items() if isinstance(value, str)} | {
        "body": body[:100].decode(),
        "length": len(body),
    }
    start("200 OK", [("Content-Type", "application/json")])
    return Answer([json.dumps(seen).encode()])


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "omoi_site.settings"
    django.setup()
    from omoi_site.processes.ready_signal import report_ready
    from omoi_site.serving import server
    from omoi_site.serving.request_body import Patience
    from omoi_site.serving.request_threads import Threads
    from omoi_site.serving.wsgi_bridge import Bridge

    threads = Threads(2, waiting=2)
    sockets = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    patience_s = float(sys.argv[4]) if len(sys.argv) > 4 else 1.0
    bridge = Bridge(application, threads, patience=Patience(patience_s, 3 * patience_s))
    threads.start()

    async def everything(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        else:
            await bridge(scope, receive, send)

    server.HEAD_S = patience_s
    server.SWEEP_TICKS = 2
    server.serve(
        everything,
        socket.socket(fileno=int(sys.argv[1])),
        drain=lambda: None,
        drain_s=0,
        ready=report_ready,
        sockets=sockets,
    )
