"""The route that answers an acceptance criterion."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from tickets.api.tickets import TicketOut, the_ticket, ticket_response
from tickets.models import Ticket
from tickets.models.ticket.acceptance import ANSWER


class AnswerIn(Shape):
    evidence = serializers.CharField(
        max_length=300,
        allow_blank=True,
        help_text="the artifact that answers it, `name` or `phase/name`, as it is now; empty: none does",
    )


class CriterionView(View):
    scope = ANSWER

    @route(
        "Name the artifact that answers an acceptance criterion; the first one is 1",
        takes=AnswerIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TicketOut,
        refuses=(404, 422),
        tag="tickets",
    )
    def put(self, request: Request, key: str, number: int) -> Response:
        data, ticket = parse(AnswerIn, request), the_ticket(self, key)
        Ticket.objects.act(ticket.pk, "answer", by=request.user, number=number, evidence=data["evidence"])
        return ticket_response(ticket.pk)
