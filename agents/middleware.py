"""What is done around every request: refusals are told of, and a session in use goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from agents.models import Key, access_log
from omoi_site.serving.client_address import network
from omoi_site.serving.wsgi_bridge import ADMISSION

Handler = Callable[[HttpRequest], HttpResponse]
SAFE = {"GET", "HEAD", "OPTIONS"}
PROLONGED_S = 300  # a session is written no more often than this for being used


def access_middleware(handle: Handler) -> Handler:
    """Inside of the session's own middleware, which keeps what changed."""

    def kept(request: HttpRequest) -> HttpResponse:
        answer = handle(request)
        if answer.status_code in (401, 403):
            with contextlib.suppress(
                DatabaseError
            ):  # without it nobody is known, and a refusal is still an answer
                refused(request, answer.status_code)
        prolong(request)
        return answer

    return kept


def admission_middleware(handle: Handler) -> Handler:
    """Of pages only a signed-in person may send a large body; routes of the API say for themselves whose they
    take.
    """

    def admitted(request: HttpRequest) -> HttpResponse:
        if ADMISSION not in request.META or request.path.startswith("/api/"):
            return handle(request)
        if request.user.is_authenticated:
            return HttpResponse(status=204, headers={"X-Principal": f"user:{request.user.pk}"})
        return HttpResponse(
            "Sign in before you send so much.", status=403, content_type="text/plain; charset=utf-8"
        )

    return admitted


def refused(request: HttpRequest, status: int) -> None:
    """In the log, and in the journal of who it was: signed in, or the holder of a key that is over."""
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    key = Key.objects.once_live(text.strip()) if status == 401 and scheme.lower() == "bearer" else None
    user = getattr(request, "user", None)
    who = (key.agent or key.user) if key else user if user and user.is_authenticated else None
    document: dict[str, Any] = {
        "status": status,
        "method": request.method,
        "path": path_of(request),
        **({"key": key.prefix} if key else {}),
    }
    access_log.note("refused", who=who, address=network(request.META.get("REMOTE_ADDR", "")), **document)


def path_of(request: HttpRequest) -> str:
    """Without what signs somebody in."""
    match = request.resolver_match
    token = match.kwargs.get("token") if match else None
    return request.path.replace(token, "…")[:200] if token else request.path[:200]


def prolong(request: HttpRequest) -> None:
    """A session ends so long after its person last did something; a page that fetches itself anew is not its
    person.
    """
    if not request.session.accessed or SESSION_KEY not in request.session:
        return
    if request.method in SAFE and "HX-Request" in request.headers:
        return
    now = int(time.time())
    if now - request.session.get("used_at", 0) >= min(PROLONGED_S, settings.SESSION_COOKIE_AGE / 4):
        request.session["used_at"] = now
