"""The headers that Django's middlewares add to every answer of the API, for answers that pass them by."""

from __future__ import annotations

import functools

from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware


@functools.cache
def standard_headers() -> dict[str, str]:
    """The middlewares make them once. None of them depends on the request to an address of the API."""
    request, response = HttpRequest(), HttpResponse()
    request.path = "/api/v1/"
    del response.headers["Content-Type"]
    for middleware in (CSPMiddleware, XFrameOptionsMiddleware, SecurityMiddleware):
        middleware(lambda _: response).process_response(request, response)
    return dict(response.items())


@functools.cache
def of_json() -> list[tuple[bytes, bytes]]:
    """The headers of a JSON document, for the ASGI server."""
    return [(b"content-type", b"application/json"), *of_nothing()]


@functools.cache
def of_nothing() -> list[tuple[bytes, bytes]]:
    """Those of an answer without a body."""
    return [
        (name.lower().encode("latin1"), value.encode("latin1")) for name, value in standard_headers().items()
    ]
