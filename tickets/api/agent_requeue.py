"""The route that takes back what an agent holds."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import IDEMPOTENCY_KEY, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from agents.models import Project
from tickets.api.agents import the_agent
from tickets.api.fields import IdField
from tickets.models import Task


class RequeueIn(Shape):
    reason = ReasonField()


class RequeuedOut(serializers.Serializer):
    tasks = serializers.ListField(child=IdField(), help_text="that are back in the queue")


class RequeueView(View):
    scope = "tickets:write"

    @route(
        "Take back the tasks that an agent holds in projects you see; it costs no attempt",
        takes=RequeueIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=RequeuedOut,
        refuses=(404, 422),
        tag="agents",
    )
    def post(self, request: Request, name: str) -> Response:
        data, agent = parse(RequeueIn, request), the_agent(self, name)
        seen = Project.objects.seen_by(request.user)
        held = Task.objects.filter(holder=agent, project__in=seen.values("pk"))
        taken = held.requeue(by=request.user, reason=data["reason"])
        return Response(RequeuedOut({"tasks": taken}).data)
