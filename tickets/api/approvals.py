"""Routes of approvals: what people decided about a ticket, and deciding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import IDEMPOTENCY_KEY, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View
from tickets.api.fields import IdField
from tickets.api.tickets import the_ticket
from tickets.models import Approval, Ticket
from tickets.models.gate.approval import Decision
from tickets.models.gate.approval_state import STATES, states


class ApprovalIn(Shape):
    decision = serializers.ChoiceField(Decision.values)
    reason = ReasonField(
        required=False, allow_blank=True, default="", help_text="needed to reject and to request changes"
    )
    seen = serializers.CharField(
        max_length=64, help_text="the `evidence` of GET …/gate that you looked at; an old one is refused"
    )


class ApprovalOut(serializers.Serializer):
    id = IdField(source="pk")
    phase = serializers.CharField()
    decision = serializers.ChoiceField(Decision.values)
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField()
    role = serializers.CharField(help_text="the person's role at that time")
    self_approved = serializers.BooleanField(
        help_text="by an author of what was approved, because nobody else could approve"
    )
    state = serializers.ChoiceField(
        list(STATES), help_text="an approval `counts`, a refusal `stands`; else why it does not any more"
    )
    seen = serializers.CharField(help_text="digest of the evidence that was seen")
    expires_at = serializers.DateTimeField(allow_null=True)
    at = serializers.DateTimeField()


def approval_documents(ticket: Ticket, rows: Sequence[Approval]) -> Any:
    now = states(ticket.pk, ticket.phase)
    for row in rows:
        row.state = now[row.pk]  # type: ignore[attr-defined]
    return ApprovalOut(rows, many=True).data


class ApprovalsView(View):
    # no `scope`: the verb checks it, and records who tried without it

    @route(
        "What people decided about the ticket, newest last",
        parameters=[PageIn],
        gives=listing("Approvals", ApprovalOut),
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        query = parse_query(PageIn, request)
        ticket = the_ticket(self, key)
        return page(request, ticket.approvals.all(), query, lambda rows: approval_documents(ticket, rows))

    @route(
        "Approve what the ticket shows, reject it or request changes; for people",
        takes=ApprovalIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ApprovalOut, status=201),
        refuses=(404, 409, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data = parse(ApprovalIn, request)
        ticket = the_ticket(self, key)
        approval = Approval.objects.decide(ticket.pk, by=request.user, **data)
        [document] = approval_documents(ticket, [approval])
        return Response(document, status=201)
