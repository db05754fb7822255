"""An idle person is signed out: a session ends so long after its person last did something."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
SAFE = {"GET", "HEAD", "OPTIONS"}
PROLONGED_S = 300  # a session is written no more often than this for being used


def idle_session_middleware(handle: Handler) -> Handler:
    """Inside of the session's own middleware, which keeps what changed."""

    def kept(request: HttpRequest) -> HttpResponse:
        answer = handle(request)
        prolong(request)
        return answer

    return kept


def prolong(request: HttpRequest) -> None:
    """Note that its person did something; a page that fetches itself anew is not its person."""
    if not request.session.accessed or SESSION_KEY not in request.session:
        return
    if request.method in SAFE and "HX-Request" in request.headers:
        return
    now = int(time.time())
    if now - request.session.get("used_at", 0) >= min(PROLONGED_S, settings.SESSION_COOKIE_AGE / 4):
        request.session["used_at"] = now
