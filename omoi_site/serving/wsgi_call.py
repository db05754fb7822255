"""One request for Django's WSGI handler, and its complete answer."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from django.db import connection

from omoi_site.errors import Malformed
from omoi_site.serving.error_answers import Away, Headers, connection_lost
from omoi_site.serving.fast_routes import Call
from omoi_site.serving.request_body import MIB, Scope
from omoi_site.serving.standard_headers import of_json, of_nothing

LOOKS = "omoi.looks"  # in the environ: the client can wait, and the view has run so many times before
Answer = tuple[int, Headers, Any]  # the body as bytes or a file
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def check_text(scope: Scope) -> None:
    """Refuse a NUL character, which no text in the database can hold."""
    if b"%00" in scope["raw_path"] or b"%00" in scope["query_string"]:
        raise Malformed("the address contains a NUL character")


class File:
    """What `wsgi.file_wrapper` returns: the event loop reads the file, so no thread waits for the client."""

    def __init__(self, file: Any, block_size: int = 0) -> None:
        self.read = file.read
        self.close = file.close  # Django's: ends the response


class Request:
    """One request with its body, as the request threads take it."""

    def __init__(self, wsgi: Wsgi, scope: Scope, body: IO[bytes], call: Call | None = None) -> None:
        self.wsgi = wsgi
        self.scope = scope
        self.body = body
        self.call = call

    @property
    def credential(self) -> str:
        return next(
            (value.decode("latin1") for name, value in self.scope["headers"] if name == b"authorization"), ""
        )

    def answer(self, looks: int = 0) -> Answer:
        """The answer of the fast route, if it gives one; else that of the view, which has run `looks` times
        before.
        """
        if self.call:
            self.body.seek(0)
            try:
                answered = self.call.answer(self.body.read())
            except Exception as error:
                if database_away() or connection_lost(error):
                    raise Away() from error
                raise
            if answered:
                status, more, content = answered
                return status, [*(of_json() if content else of_nothing()), *more], content
        length = self.body.seek(0, io.SEEK_END)
        self.body.seek(0)
        return respond(self.wsgi, {**environ(self.scope, self.body, length), LOOKS: looks})


def respond(wsgi: Wsgi, env: dict[str, Any]) -> Answer:
    """Runs in a request thread.

    It returns a complete answer or a file, so no client can hold the thread.
    """
    head: list[tuple[str, list[tuple[str, str]]]] = []
    result: Any = wsgi(env, lambda status, headers, exc_info=None: head.append((status, headers)))
    status, headers = (
        int(head[-1][0][:3]),
        [(name.lower().encode("latin1"), value.strip().encode("latin1")) for name, value in head[-1][1]],
    )
    if isinstance(result, File):
        return status, headers, result
    try:
        if status == 500 and database_away():
            raise Away()
        if not getattr(result, "streaming", True):
            return status, headers, b"".join(result)
        # an export: read at our speed, sent at the client's
        spool = tempfile.SpooledTemporaryFile(MIB)  # noqa: SIM115
        for chunk in result:
            spool.write(chunk)
        if all(name != b"content-length" for name, _ in headers):
            headers.append((b"content-length", b"%d" % spool.tell()))
        spool.seek(0)
        return status, headers, spool
    finally:
        getattr(result, "close", lambda: None)()  # Django closes its connection here if needed


def database_away() -> bool:
    """Whether this thread's last statement failed because the connection was lost."""
    return connection.errors_occurred and (connection.connection is None or not connection.is_usable())


def environ(scope: Scope, body: IO[bytes], length: int) -> dict[str, Any]:
    """The request as a WSGI environ."""
    host, port = scope.get("server") or ("localhost", 80)
    client, client_port = scope.get("client") or ("", 0)
    env = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "CONTENT_LENGTH": str(
            length
        ),  # the counted length: chunked bodies announce none, and Django would read nothing
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": File,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin1"), raw_value.decode("latin1")
        if name == "content-length" or "_" in name:  # `x_key` would be taken for `x-key`
            continue
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        env[key] = f"{env[key]}{'; ' if name == 'cookie' else ','}{value}" if key in env else value
    return env
