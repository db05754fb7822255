"""Records refused requests in the log and in the journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from agents.models import Key, access_log
from omoi_site.serving.client_address import network

Handler = Callable[[HttpRequest], HttpResponse]


def refused_requests_middleware(handle: Handler) -> Handler:
    def noted(request: HttpRequest) -> HttpResponse:
        answer = handle(request)
        # the admin answers a refusal with a redirect to a page that shows it
        status = getattr(answer, "refused_status", answer.status_code)
        if status in (401, 403):
            # without a database the sender is not known, but the refusal must still be sent
            with contextlib.suppress(DatabaseError):
                refused(request, status)
        return answer

    return noted


def refused(request: HttpRequest, status: int) -> None:
    """Record it in the log and, if the sender is known (signed in, or holder of an expired key), in the
    journal.
    """
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
    """The path without the token of a one-time link."""
    match = request.resolver_match
    token = match.kwargs.get("token") if match else None
    return request.path.replace(token, "…")[:200] if token else request.path[:200]
