"""Signs idle people out: a session ends some time after its person's last action."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
SAFE = {"GET", "HEAD", "OPTIONS"}
PROLONGED_S = 300  # a session's use is stored at most this often


def idle_session_middleware(handle: Handler) -> Handler:
    """It stands inside the session middleware, which saves the change."""

    def kept(request: HttpRequest) -> HttpResponse:
        answer = handle(request)
        prolong(request)
        return answer

    return kept


def prolong(request: HttpRequest) -> None:
    """Record that the person did something. Requests by which a page refreshes itself do not count."""
    if not request.session.accessed or SESSION_KEY not in request.session:
        return
    if request.method in SAFE and "HX-Request" in request.headers:
        return
    now = int(time.time())
    if now - request.session.get("used_at", 0) >= min(PROLONGED_S, settings.SESSION_COOKIE_AGE / 4):
        request.session["used_at"] = now
