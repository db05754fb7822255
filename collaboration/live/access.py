"""Who may open a live socket and which topics they may follow. Rights can end while a page is open."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db.models import QuerySet
from django.utils.http import is_same_domain

from agents.models import Agent, Project
from agents.models.journal_changes import for_everybody
from agents.models.key import LIVE
from omoi_site.database import sql
from omoi_site.serving.live_hub import Hub
from omoi_site.serving.request_body import Scope
from omoi_site.serving.wsgi_call import environ

SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def request_of(scope: Scope) -> WSGIRequest:
    """The handshake as a Django request, with host, cookies and proxy settings."""
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return WSGIRequest(environ({**scope, "method": "GET", "scheme": scheme}, io.BytesIO(), 0))


def same_origin(request: WSGIRequest) -> bool:
    """Whether the page that opens the socket is from this site or from CSRF_TRUSTED_ORIGINS. Raises
    DisallowedHost.

    The port counts too, because cookies ignore it: otherwise a page of any program on this machine could open
    a socket in the name of the signed-in person.
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
    """The person signed in by the cookie, read anew at each call."""
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


@dataclass(frozen=True)
class Viewer:
    """The person of an open socket, with what ends their sign-in: their session, or a change of their
    password.
    """

    session: str
    user: int
    password: str

    @classmethod
    def of(cls, request: WSGIRequest, user: Any) -> Viewer:
        return cls(
            request.session.session_key or "", user.pk, hashlib.sha256(user.password.encode()).hexdigest()
        )


OPEN = ("everybody", "")


def may_follow(user: Any, topics: Iterable[str]) -> set[str]:
    """Those of `topics` that everybody may follow, or in projects that the user may see. Topics that do not
    exist and topics of others look the same.
    """
    wanted = {topic: place for topic in topics if (place := place_of(topic))}
    keys = _known(
        Project.objects.seen_by(user), "key", (name for kind, name in wanted.values() if kind == "project")
    )
    names = _known(
        Agent.objects.seen_by(user), "name", (name for kind, name in wanted.values() if kind == "agent")
    )
    seen = {"project": keys, "agent": names}
    return {topic for topic, place in wanted.items() if place == OPEN or place[1] in seen[place[0]]}


def place_of(topic: str) -> tuple[str, str] | None:
    """What a user must be able to see to follow the topic: a project by its key, or an agent by its name.
    OPEN for workflows, which everybody may read, and for topics that say only that something happened. None
    if there is no such topic.
    """
    kind, _, name = topic.partition(":")
    if kind == "workflow" or for_everybody(topic):
        return OPEN
    if kind == "ticket":
        return "project", name.rpartition("-")[0]
    return (kind, name) if kind in ("project", "agent") else None


def _known(seen: QuerySet[Any], field: str, names: Iterable[str]) -> set[str]:
    wanted = set(names)
    return set(seen.filter(**{f"{field}__in": wanted}).values_list(field, flat=True)) if wanted else set()


STILL_GRANTED = sql.statement(__file__, "still_granted", live=LIVE)


async def recheck(link: psycopg.AsyncConnection[Any], hub: Hub) -> None:
    """Sign out followers whose session has ended, remove topics that others may no longer follow, and wake
    long polls whose key has ended.
    """
    open_ones = {follower: follower.topics for follower in hub.signed_in if follower.viewer}
    keys = {
        holder: prefix
        for holder in hub.long_polls.holders()
        if (prefix := holder.partition("omoi_")[2].partition("_")[0])
    }
    if not open_ones and not keys:
        return
    viewers = {follower.viewer for follower in open_ones}
    places = {topic: place_of(topic) for topic in hub.followers}
    seen = {follower: {places[topic] for topic in topics} for follower, topics in open_ones.items()}
    pairs = {(follower.viewer.user, *place) for follower, wanted in seen.items() for place in wanted if place}
    ids, kinds, names = zip(*pairs, strict=True) if pairs else ((), (), ())
    params = {
        "sessions": [viewer.session for viewer in viewers],
        "users": [viewer.user for viewer in viewers],
        "passwords": [viewer.password for viewer in viewers],
        "followers": list(ids),
        "kinds": list(kinds),
        "names": list(names),
        "prefixes": list(set(keys.values())),
    }
    granted = set(await (await link.execute(STILL_GRANTED, params)).fetchall())
    for follower, topics in open_ones.items():
        user, session = follower.viewer.user, follower.viewer.session
        if ("session", user, session) in granted:
            gone = {
                place
                for place in seen[follower]
                if place != OPEN and (place is None or (place[0], user, place[1]) not in granted)
            }
            if gone:
                hub.forbid(follower, {topic for topic in topics if places[topic] in gone})
        else:
            hub.leave(follower)
            _closing.add(closing := asyncio.ensure_future(follower.sign_out()))
            closing.add_done_callback(_closing.discard)
    hub.long_polls.call({holder for holder, prefix in keys.items() if ("key", 0, prefix) not in granted})


_closing: set[asyncio.Future[None]] = set()  # the loop keeps only weak references
