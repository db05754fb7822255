"""Routes of the version of its workflow that a ticket follows: what another one would mean, and changing."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, route
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View
from tickets.api.gate import VerdictOut, verdict_document
from tickets.api.tickets import TicketOut, the_ticket, ticket_response
from tickets.models import Ticket, Workflow
from tickets.models.ticket.version_change import VersionChange, preview


class VersionField(serializers.IntegerField):
    def __init__(self, **how: Any) -> None:
        super().__init__(min_value=1, max_value=2**31 - 1, **how)


class VersionQuery(Shape):
    version = VersionField(required=False, help_text="the version to look at; the one in force by default")


class VersionIn(Shape):
    version = VersionField(help_text="the version that the ticket follows from now on")
    reason = ReasonField(required=False, allow_blank=True, default="")


class VersionChangeOut(serializers.Serializer):
    """What changing to `to` would mean, as of now. Nothing is stored."""

    workflow = serializers.CharField(source="target.name")
    version = serializers.IntegerField(source="ticket.workflow.version", help_text="the present one")
    to = serializers.IntegerField(source="target.version")
    phase = serializers.CharField(source="ticket.phase")
    possible = serializers.BooleanField()
    why_not = serializers.CharField(source="refused.message", default="")
    next_action = serializers.CharField(source="refused.next_action", default="")
    opens = serializers.BooleanField(help_text="whether the gate of the phase would open there")
    checks = serializers.ListField(
        child=serializers.DictField(), help_text="each {check, …parameters, passed, reasons}"
    )


class FollowedOut(serializers.Serializer):
    ticket = TicketOut()
    verdict = VerdictOut(
        allow_null=True,
        help_text="on its gate under the new version; null without a gate, or where it could not be judged",
    )


def change_document(change: VersionChange) -> dict[str, Any]:
    return dict(VersionChangeOut(change).data)


class TicketWorkflowView(View):
    scope = "admin"

    @route(
        "What another version of its workflow would mean for the ticket",
        parameters=[VersionQuery],
        gives=VersionChangeOut,
        refuses=(404, 422),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        number = parse_query(VersionQuery, request).get("version")
        ticket = the_ticket(self, key)
        name = ticket.workflow.name
        target = Workflow.objects.version(name, number) if number else Workflow.objects.latest_of(name)
        return Response(change_document(preview(ticket, target)))

    @route(
        "Let the ticket go on under another version of its workflow, and judge its gate again",
        takes=VersionIn,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=FollowedOut,
        refuses=(404, 409, 412, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(VersionIn, request), the_ticket(self, key)
        verdict = Ticket.objects.follow(
            ticket.pk, data["version"], by=request.user, version=self.matched(), reason=data["reason"]
        )
        followed = ticket_response(ticket.pk)
        document = verdict and verdict_document(verdict, verdict.passed)
        followed.data = {"ticket": followed.data, "verdict": document}
        return followed
