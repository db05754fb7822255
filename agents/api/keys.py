"""Routes of an agent's keys. Who is not the agent itself needs `admin`; nobody gives a key more than they have."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.docs import listing, route
from agents.api.pages import PageIn, page
from agents.api.parse import Shape, asked, parse
from agents.api.view import View
from agents.models import Agent, Key, rights
from agents.models.key import SCOPES
from omoi_site.errors import Forbidden, NotFound


class KeyOut(serializers.Serializer):
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class NewKeyOut(KeyOut):
    key = serializers.CharField(help_text="shown this once")


class KeyIn(Shape):
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES), required=False)
    expires_s = serializers.IntegerField(min_value=1, max_value=10 * 366 * 86400, required=False)


class KeysView(View):
    secret = True

    @route("An agent's keys, without their secrets", gives=listing("Keys", KeyOut), query=PageIn, refuses=(404,), tag="agents")
    def get(self, request: Request, name: str) -> Response:
        return page(request, whose(self, name).keys.all(), asked(PageIn, request), lambda rows: KeyOut(rows, many=True).data)

    @route("Make a key; its text is shown this once", takes=KeyIn, gives=NewKeyOut, status=201, refuses=(404, 422), once=True, tag="agents")
    def post(self, request: Request, name: str) -> Response:
        given, agent = parse(KeyIn, request), whose(self, name)
        wanted = set(given.get("scopes") or ["work"])
        if more := sorted(wanted - held(self, agent)):
            raise Forbidden(f"you cannot give the scopes {', '.join(more)}: you do not have them yourself")
        if "admin" in wanted and "admin" not in rights.scopes(request.user):  # with it an agent changes workflows, which all projects share
            raise Forbidden("only who has the scope admin in the whole installation gives it to an agent", scope="admin")
        expires_in = shortest(timedelta(seconds=given["expires_s"]) if "expires_s" in given else None, request.auth)
        key, text = Key.objects.issue(by=request.user, agent=agent, scopes=sorted(wanted), expires_in=expires_in)
        key.refresh_from_db()
        return Response({**KeyOut(key).data, "key": text}, status=201)


def shortest(asked: timedelta | None, bearer: Any) -> timedelta | None:
    """A key made with a key does not outlive it."""
    left = bearer.expires_at - timezone.now() if isinstance(bearer, Key) and bearer.expires_at else None
    return min((span for span in (asked, left) if span is not None), default=None)


class KeyView(View):
    @route("Revoke a key", status=204, refuses=(404,), once=True, tag="agents")
    def delete(self, request: Request, name: str, prefix: str) -> Response:
        keys = whose(self, name).keys.filter(prefix=prefix)
        if not keys.exists():
            raise NotFound(f"{name} has no key {prefix}")
        keys.revoke(by=request.user)
        return Response(status=204)


def whose(view: View, name: str) -> Agent:
    """The agent, when the caller is that agent or may do this with others' keys in each of its projects."""
    agent = Agent.objects.seen_by(view.request.user).filter(name=name).first()
    if agent is None:
        raise NotFound(f"there is no agent {name}, or you share no project with it")
    if agent != view.request.user and "admin" not in held(view, agent):
        raise Forbidden("this needs the scope admin in every project of the agent", scope="admin")
    return agent


def held(view: View, agent: Agent) -> frozenset[str]:
    """The caller's scopes in every project of the agent."""
    projects = list(agent.projects.all())
    scopes = [rights.scopes(view.request.user, project) for project in projects or [None]]
    return frozenset.intersection(*scopes)
