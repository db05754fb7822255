"""A shorter chain of middlewares for API requests with a bearer key and no cookie.

Sessions, CSRF tokens, messages, static files and compression have no effect on such a request. In the setting
`MIDDLEWARE`, `ApiMiddleware` is the first and `innermost` the last; what stands between them is skipped. What
these requests need too is listed in the setting `API_MIDDLEWARE`.
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


def innermost(handle: Handler) -> Handler:
    _made.innermost = handle
    return handle


class ApiMiddleware:
    def __init__(self, handle: Handler) -> None:
        self.full_chain = handle
        self.short_chain: Any = _made.innermost
        for path in reversed(settings.API_MIDDLEWARE):
            self.short_chain = convert_exception_to_response(import_string(path)(self.short_chain))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not has_only_a_key(request):
            return self.full_chain(request)
        response: HttpResponseBase = self.short_chain(request)
        for name, value in standard_headers().items():
            response.headers.setdefault(name, value)
        return response


def has_only_a_key(request: HttpRequest) -> bool:
    sent = request.META
    return (
        request.path_info.startswith("/api/v1/")
        and sent.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "
        and not sent.get("HTTP_COOKIE")
    )
