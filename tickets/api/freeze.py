"""Routes of the switch that stops everything, or one project."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from agents.models import Actor, Project
from tickets.models import Freeze
from tickets.models.freeze.freeze import SCOPE, shown


class FreezeOut(serializers.Serializer):
    project = serializers.CharField(allow_null=True, help_text="null: everything")
    reason = serializers.CharField()
    by = serializers.CharField()
    since = serializers.DateTimeField()
    thawed = serializers.ListField(
        child=serializers.CharField(), help_text="projects that a freeze of everything no longer holds"
    )


class FreezesOut(serializers.Serializer):
    freezes = FreezeOut(many=True)


class FrozenOut(FreezesOut):
    in_force = serializers.BooleanField(
        help_text="whether all transactions that began before it have ended: nothing is granted any more"
    )
    still_open = serializers.IntegerField(
        help_text="those that have not ended in time; what they do may still be committed"
    )
    stopped = serializers.IntegerField(help_text="claims that were taken back")
    new = serializers.BooleanField(help_text="false: it was frozen already, and its first reason stays")


class FreezeIn(Shape):
    reason = ReasonField()
    project = serializers.CharField(max_length=20, required=False, help_text="without one: everything")
    stop_held = serializers.BooleanField(
        default=False,
        help_text="take back what agents hold, at no cost of an attempt; heartbeats tell them to stop",
    )


class ThawIn(Shape):
    project = serializers.CharField(
        max_length=20, required=False, help_text="only this project; without one: the freeze of everything"
    )
    reason = ReasonField(required=False, allow_blank=True, default="")


class FreezeView(View):
    """Both acts are idempotent by themselves, and a freeze must be committed before it waits."""

    scope = SCOPE
    stores = False

    @route("What is frozen, of what you see", gives=FreezesOut, tag="freeze")
    def get(self, request: Request) -> Response:
        return Response(freezes_document(request.user))

    @route(
        "Freeze everything, or one project; answers when nothing can be granted any more",
        takes=FreezeIn,
        gives=FrozenOut,
        refuses=(404, 422),
        tag="freeze",
    )
    def post(self, request: Request) -> Response:
        data = parse(FreezeIn, request)
        frozen = Freeze.objects.freeze(
            named(self, data), by=request.user, reason=data["reason"], stop_held=data["stop_held"]
        )
        return Response(
            {
                **freezes_document(request.user),
                "in_force": frozen.in_force,
                "still_open": frozen.still_open,
                "stopped": frozen.stopped,
                "new": frozen.new,
            }
        )


class ThawView(View):
    scope = SCOPE
    stores = False

    @route(
        "End the freeze of everything, or of one project",
        takes=ThawIn,
        gives=FreezesOut,
        refuses=(404, 422),
        tag="freeze",
    )
    def post(self, request: Request) -> Response:
        data = parse(ThawIn, request)
        Freeze.objects.thaw(named(self, data), by=request.user, reason=data["reason"])
        return Response(freezes_document(request.user))


def named(view: View, data: dict[str, Any]) -> Project | None:
    return view.project(data["project"]) if "project" in data else None


def freezes_document(who: Actor) -> dict[str, Any]:
    return {"freezes": shown(who)}
