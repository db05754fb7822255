"""The route of the attention list: what needs somebody, across projects."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import listing, route
from agents.api.pagination import PageIn, paged
from agents.api.parsing import parse_query
from agents.api.view import View, reading, written
from agents.models.scopes import Role
from tickets.api.fields import IdField
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Place, Query
from tickets.models.attention.registry import registered


class ActOut(serializers.Serializer):
    label = serializers.CharField()  # type: ignore[assignment]
    method = serializers.CharField()
    path = serializers.CharField()
    body = serializers.DictField(allow_null=True, help_text="complete as it stands")


class ItemOut(serializers.Serializer):
    """The document that an item makes."""

    kind = serializers.CharField()
    project = serializers.CharField(allow_blank=True, help_text="empty if it is about the installation")
    subject = serializers.CharField(
        help_text="the key of the ticket or task, the name of the agent, `clock` or `broker`"
    )
    ticket = serializers.CharField(allow_blank=True, help_text="empty if it is about none")
    title = serializers.CharField(allow_blank=True, help_text="of the ticket")
    task = IdField(allow_null=True)
    who = serializers.CharField(
        help_text=f"the role that must act: {', '.join(Role.values)}; those after it may too"
    )
    people = serializers.ListField(child=serializers.CharField(), help_text="the first who have that role")
    mine = serializers.BooleanField(help_text="whether your role can act")
    since = serializers.DateTimeField()
    what = serializers.CharField()
    act = ActOut(help_text="the request that helps")


class KindField(serializers.CharField):
    """The name of a kind. Apps register kinds as they load, so the choices are read at each use."""

    def to_internal_value(self, data: str) -> str:
        if data not in registered():
            raise serializers.ValidationError(f"one of {', '.join(registered())}", "invalid_choice")
        return data


class AttentionIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    kind = KindField(max_length=60, required=False)
    mine = serializers.BooleanField(default=False, help_text="only what your role can act on")


class AttentionView(View):
    @route(
        "What needs somebody: by kind, and inside each kind the oldest first",
        parameters=[AttentionIn],
        gives=listing("Attention", ItemOut),
        refuses=(404,),
        tag="attention",
    )
    def get(self, request: Request) -> Response:
        data = parse_query(AttentionIn, request)
        query = Query(
            project=self.project(data["project"]).key if "project" in data else "",
            kinds=[data["kind"]] if "kind" in data else (),
            mine=data["mine"],
        )
        after = Place.read(reading(data["cursor"])) if "cursor" in data else None
        items, more = attention_list.page(query, by=request.user, limit=data["limit"], after=after)
        return paged(request, [item.document() for item in items], written(items[-1].place) if more else None)
