"""Answers for requests that Django refuses outside a view: a problem document under /api/, a page
elsewhere.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views import defaults

from agents.api.problems import PROBLEM
from omoi_site.errors import Forbidden, Malformed, NotFound, OmoiError
from omoi_site.serving.error_answers import Crash, StorageFull, storage_full


def problem(error: OmoiError) -> HttpResponse:
    return HttpResponse(json.dumps(error.problem), status=error.status, content_type=PROBLEM)


def nowhere(request: HttpRequest, *_: Any) -> HttpResponse:
    """Answers any address under /api/ that has no route."""
    return problem(
        NotFound(f"there is no route {request.path}", next_action="/api/v1/docs/ lists every route.")
    )


nowhere.csrf_exempt = True  # type: ignore[attr-defined]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return (
        problem(Malformed(str(exception) or "the request cannot be read"))
        if _api(request)
        else defaults.bad_request(request, exception)
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return (
        problem(Forbidden(str(exception)))
        if _api(request)
        else defaults.permission_denied(request, exception)
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return nowhere(request) if _api(request) else defaults.page_not_found(request, exception)


def crashed(request: HttpRequest) -> HttpResponse:
    if storage_full(sys.exc_info()[1]):  # Django asks for this answer while it handles the exception
        return (
            problem(StorageFull())
            if _api(request)
            else HttpResponse(loader.render_to_string("507.html"), status=507)
        )
    return problem(Crash()) if _api(request) else defaults.server_error(request)


def _api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
