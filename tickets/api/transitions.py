"""Routes of a ticket's moves: where it can go, moving it, and its history."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from omoi_site.errors import Forbidden
from tickets.api.fields import IdField, PhaseField
from tickets.api.tickets import TicketOut, the_ticket, ticket_response
from tickets.models import Ticket
from tickets.models.ticket.fields import BlockedClass
from tickets.models.ticket.transition_options import options


class MoveVerdictOut(serializers.Serializer):
    id = IdField(source="pk")
    passed = serializers.BooleanField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    unmet = serializers.ListField(child=serializers.DictField(), help_text="why it did not pass")
    artifacts = serializers.DictField(help_text="hashes of the artifacts it judged, by phase and name")


class MoveOut(serializers.Serializer):
    from_phase = serializers.CharField(allow_null=True)
    to_phase = serializers.CharField()
    ground = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    past_limit = serializers.BooleanField(help_text="a person moved it into a full phase on purpose")
    by = serializers.CharField()
    at = serializers.DateTimeField()
    verdict = MoveVerdictOut(
        allow_null=True, help_text="the verdict that opened the gate, or that refused before it went back"
    )
    artifacts = serializers.DictField(help_text="hashes of the artifacts at that time, by phase and name")


class MovedOut(serializers.Serializer):
    ticket = TicketOut()
    history = MoveOut()


class OptionOut(serializers.Serializer):
    to = serializers.CharField()
    allowed = serializers.BooleanField()
    unmet = serializers.ListField(child=serializers.DictField())


class TransitionIn(Shape):
    to = PhaseField()
    reason = ReasonField(required=False, allow_blank=True, default="")
    force = serializers.BooleanField(default=False)
    past_limit = serializers.BooleanField(
        default=False, help_text="a person moves it in on purpose even if the phase is full"
    )

    def get_fields(self) -> dict[str, Any]:
        blocks = serializers.ChoiceField(
            BlockedClass.values, required=False, help_text="what blocks it; needed to go to BLOCKED"
        )
        return {**super().get_fields(), "class": blocks}


class TransitionsView(View):
    scope = "tickets:write"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Records a refusal in the journal if the caller sees the ticket but may move none at all."""
        try:
            super().initial(request, *args, **kwargs)
        except Forbidden as refusal:
            ticket = (
                Ticket.objects.seen_by(request.user).filter(key=kwargs["key"].upper()).first()
                if request.method == "POST"
                else None
            )
            if ticket is None:
                raise
            # the body, which names the phase, has not been read
            with Ticket.objects.record_refusals(ticket.pk, "", by=request.user):
                raise refusal

    @route(
        "The possible moves, and what is missing",
        gives=OptionOut(many=True),
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        moves = options(the_ticket(self, key), request.user)
        return Response(OptionOut([move for move in moves if move.verb != "force"], many=True).data)

    @route(
        "Move the ticket",
        takes=TransitionIn,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=MovedOut,
        refuses=(404, 409, 412, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data = parse(TransitionIn, request)
        ticket = the_ticket(self, key)
        cause = {"cause": data["class"]} if "class" in data else {}
        chosen = {name: data[name] for name in ("reason", "force", "past_limit")}
        how = {**chosen, "version": self.matched(), **cause}
        row = Ticket.objects.move(ticket.pk, data["to"], by=request.user, **how)
        moved = ticket_response(ticket.pk)
        moved.data = {"ticket": moved.data, "history": MoveOut(row).data}
        return moved


class HistoryView(View):
    @route("Every change of phase", gives=MoveOut(many=True), refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        return Response(
            MoveOut(the_ticket(self, key).history.select_related("verdict").order_by("move"), many=True).data
        )
