"""Routes of discoveries: what agents found on the way, and deciding what becomes of it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import IDEMPOTENCY_KEY, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View
from omoi_site.errors import NotFound
from tickets.api.fields import IdField, number
from tickets.api.tickets import the_ticket
from tickets.models import Discovery
from tickets.workflows.discovery_types import normal

State = Discovery.State


class DiscoveryOut(serializers.Serializer):
    id = IdField(source="pk")
    ticket = serializers.CharField(source="ticket.key")
    task = IdField(source="task_id", help_text="in whose completion it was reported")
    type = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField(allow_blank=True)
    by = serializers.CharField()
    at = serializers.DateTimeField()
    state = serializers.ChoiceField(State.values)
    made_task = IdField(source="made_task_id", allow_null=True, help_text="the task that it became")
    made_ticket = serializers.CharField(
        source="made_ticket.key", allow_null=True, default=None, help_text="the ticket that it became"
    )
    decided_by = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True, help_text="of the decision, or why it is still open")


class DiscoveriesIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    ticket = serializers.CharField(max_length=30, required=False)
    state = serializers.ChoiceField(State.values, required=False)
    type = serializers.CharField(max_length=60, required=False)


class DecisionIn(Shape):
    reason = ReasonField(
        required=False, allow_blank=True, default="", help_text="needed to dismiss a discovery"
    )

    def get_fields(self) -> dict[str, Any]:
        # `as` is a word of Python
        decision = serializers.ChoiceField(Discovery.DECISIONS)
        return {"as": decision, **super().get_fields()}


def discovery_documents(rows: list[Discovery]) -> Any:
    return DiscoveryOut(rows, many=True).data


class DiscoveriesView(View):
    @route(
        "What agents found on the way, oldest first",
        parameters=[DiscoveriesIn],
        gives=listing("Discoveries", DiscoveryOut),
        refuses=(404,),
        tag="discoveries",
    )
    def get(self, request: Request) -> Response:
        query = parse_query(DiscoveriesIn, request)
        found = Discovery.objects.seen_by(request.user).select_related("ticket", "made_ticket")
        if "project" in query:
            found = found.filter(project=self.project(query["project"]))
        if "ticket" in query:
            found = found.filter(ticket=the_ticket(self, query["ticket"]))
        if "state" in query:
            found = found.filter(state=query["state"])
        if "type" in query:
            found = found.filter(type=normal(query["type"]))
        return page(request, found, query, discovery_documents)


class DecisionView(View):
    @route(
        "Decide what becomes of an open discovery: a task, a ticket or nothing",
        takes=DecisionIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=DiscoveryOut,
        refuses=(404, 409, 422),
        tag="discoveries",
    )
    def post(self, request: Request, pk: str) -> Response:
        data = parse(DecisionIn, request)
        discovery = the_discovery(request.user, pk)
        Discovery.objects.decide(discovery.pk, data["as"], by=request.user, reason=data["reason"])
        return Response(DiscoveryOut(the_discovery(request.user, pk)).data)


def the_discovery(who: Any, pk: str) -> Discovery:
    found = Discovery.objects.seen_by(who).select_related("ticket", "made_ticket")
    discovery = found.filter(pk=number(pk)).first()
    if discovery is None:
        raise NotFound(f"there is no discovery {pk}, or you are not a member of its project")
    return discovery
