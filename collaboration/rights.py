"""Who may open a live socket, and which topics they may follow."""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db.models import QuerySet
from django.utils.http import is_same_domain

from agents.models import Agent, Project
from omoi_site.body import Scope
from omoi_site.bridge import environ

SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def request_of(scope: Scope) -> WSGIRequest:
    """The handshake as Django reads any request: host, cookies, proxy settings."""
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return WSGIRequest(environ({**scope, "method": "GET", "scheme": scheme}, io.BytesIO(), 0))


def same_origin(request: WSGIRequest) -> bool:
    """Whether the page that opens the socket is ours or one of CSRF_TRUSTED_ORIGINS; raises DisallowedHost.

    With the port, because cookies ignore it: else a page of any program on this machine could open a socket of whoever is signed in.
    """
    origin, host = request.headers.get("Origin", ""), request.get_host()
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme in ("http", "https") and parts.netloc and parts.netloc == host:
        return True
    return any(
        origin == trusted
        or (
            "*" in trusted
            and parts.scheme == urlsplit(trusted).scheme
            and is_same_domain(parts.netloc, urlsplit(trusted).netloc.lstrip("*"))
        )
        for trusted in settings.CSRF_TRUSTED_ORIGINS
    )


def viewer(request: WSGIRequest) -> Any | None:
    """The person signed in by the cookie, as of now: read anew at each call."""
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def may_follow(user: Any, topics: Iterable[str]) -> set[str]:
    """Those of `topics` that lie in projects the user sees; what does not exist and what is not theirs look alike."""
    asked = {topic: topic.partition(":")[::2] for topic in topics}
    projects = {
        topic: name.rpartition("-")[0] if kind == "ticket" else name
        for topic, (kind, name) in asked.items()
        if kind in ("project", "ticket")
    }
    agents = {topic: name for topic, (kind, name) in asked.items() if kind == "agent"}
    keys = _known(Project.objects.seen_by(user), "key", projects.values())
    names = _known(Agent.objects.seen_by(user), "name", agents.values())
    return {topic for topic, key in projects.items() if key in keys} | {topic for topic, name in agents.items() if name in names}


def _known(seen: QuerySet[Any], field: str, asked: Iterable[str]) -> set[str]:
    wanted = set(asked)
    return set(seen.filter(**{f"{field}__in": wanted}).values_list(field, flat=True)) if wanted else set()
