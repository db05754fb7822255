"""A short way for requests of programs: with a bearer key and no cookie, past the middlewares of pages.

Sessions, CSRF tokens, messages, static files and compression have no effect on such a request. `ShortWay` is
the first middleware and `inside` the last one; what stands between them is for pages. The middlewares that
programs need too are listed in the setting `MIDDLEWARE_OF_PROGRAMS`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from omoi_site.serving.standard_headers import standard_headers

Handler = Callable[[HttpRequest], HttpResponseBase]
_made = threading.local()  # by the thread that loads the middlewares; Django makes the last one first


def inside(handle: Handler) -> Handler:
    _made.innermost = handle
    return handle


class ShortWay:
    def __init__(self, handle: Handler) -> None:
        self.of_pages = handle
        self.of_programs: Any = _made.innermost
        for path in reversed(settings.MIDDLEWARE_OF_PROGRAMS):
            self.of_programs = convert_exception_to_response(import_string(path)(self.of_programs))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not of_a_program(request):
            return self.of_pages(request)
        response: HttpResponseBase = self.of_programs(request)
        for name, value in standard_headers().items():
            response.headers.setdefault(name, value)
        return response


def of_a_program(request: HttpRequest) -> bool:
    sent = request.META
    return (
        request.path_info.startswith("/api/v1/")
        and sent.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "
        and not sent.get("HTTP_COOKIE")
    )
