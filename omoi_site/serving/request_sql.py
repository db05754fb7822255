"""The SQL of one request, in development only: with `?sql`, any address answers with its statements instead
of the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from omoi_site.setup.exposure import is_loopback

Handler = Callable[[HttpRequest], HttpResponse]


class Statements:
    """The statements of a connection with their parameters filled in, and how long each took."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.took_s = 0.0

    def __call__(
        self, execute: Callable[..., Any], text: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        began = time.perf_counter()
        try:
            return execute(text, params, many, context)
        finally:
            took = time.perf_counter() - began
            self.took_s += took
            filled = text
            if params is not None and not many:
                filled = connection.ops.compose_sql(text, params)  # type: ignore[attr-defined]
            self.texts.append(f"-- {len(self.texts) + 1}: {took * 1000:.2f} ms\n{filled.strip()};")

    def __str__(self) -> str:
        return "\n\n".join(self.texts)


def request_sql_middleware(handle: Handler) -> Handler:
    """The outermost middleware, so that it also records the statements of the others."""

    def answer(request: HttpRequest) -> HttpResponse:
        parts = request.META.get("QUERY_STRING", "").split("&")
        if "sql" not in parts or not is_loopback(request.META.get("REMOTE_ADDR", "")):
            return handle(request)
        parts.remove("sql")  # views refuse parameters that they do not know
        request.META["QUERY_STRING"] = "&".join(parts)
        statements = Statements()
        with connection.execute_wrapper(statements):
            response = handle(request)
        if response.has_header("X-Wait"):  # the request waits; the view will run again
            return response
        head = (
            f"-- {request.method} {request.get_full_path()} answered {response.status_code}:"
            f" {len(statements.texts)} statements in {statements.took_s * 1000:.1f} ms"
        )
        response.close()
        return HttpResponse(f"{head}\n\n{statements}\n", content_type="text/plain; charset=utf-8")

    return answer
