"""Routes of an agent's keys.

Callers other than the agent itself need `admin`. Nobody can give a key more rights than they have.
"""

from __future__ import annotations

from datetime import timedelta

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View
from agents.models import Agent, Key
from agents.models.scopes import SCOPES
from omoi_site.errors import NotFound


class KeyOut(serializers.Serializer):
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class NewKeyOut(KeyOut):
    key = serializers.CharField(help_text="shown only this once")


class KeyIn(Shape):
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES), required=False)
    expires_s = serializers.IntegerField(min_value=1, max_value=10 * 366 * 86400, required=False)


class KeysView(View):
    secret = True

    @route(
        "An agent's keys, without their secrets",
        parameters=[PageIn],
        gives=listing("Keys", KeyOut),
        refuses=(404,),
        tag="agents",
    )
    def get(self, request: Request, name: str) -> Response:
        return page(
            request,
            Key.objects.of(the_agent(self, name), by=request.user),
            parse_query(PageIn, request),
            lambda rows: KeyOut(rows, many=True).data,
        )

    @route(
        "Create a key; its text is shown only this once",
        takes=KeyIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(NewKeyOut, status=201),
        refuses=(404, 422),
        tag="agents",
    )
    def post(self, request: Request, name: str) -> Response:
        data, agent = parse(KeyIn, request), the_agent(self, name)
        expires_in = timedelta(seconds=data["expires_s"]) if "expires_s" in data else None
        key, text = Key.objects.issue(
            by=request.user, agent=agent, scopes=data.get("scopes", []), expires_in=expires_in
        )
        key.refresh_from_db()
        return Response({**KeyOut(key).data, "key": text}, status=201)


class KeyView(View):
    @route(
        "Revoke a key", parameters=[IDEMPOTENCY_KEY], gives=Answer(status=204), refuses=(404,), tag="agents"
    )
    def delete(self, request: Request, name: str, prefix: str) -> Response:
        keys = Key.objects.of(the_agent(self, name), by=request.user).filter(prefix=prefix)
        if not keys.exists():
            raise NotFound(f"{name} has no key {prefix}")
        keys.revoke(by=request.user)
        return Response(status=204)


def the_agent(view: View, name: str) -> Agent:
    agent = Agent.objects.seen_by(view.request.user).filter(name=name).first()
    if agent is None:
        raise NotFound(f"there is no agent {name}, or you share no project with it")
    return agent
