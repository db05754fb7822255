"""Routes of context: what the phases of a ticket hand over, its versions, and notes that are added to it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import text_of
from agents.api.openapi import IDEMPOTENCY_KEY, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.projects import ReasonIn
from agents.api.view import View
from agents.models import rights
from omoi_site.errors import Invalid, NotFound
from tickets.api.fields import FenceField, IdField, PhaseField, number
from tickets.api.ticket_workflow import VersionField
from tickets.api.tickets import the_ticket
from tickets.models import ContextNote, PhaseContext, Ticket
from tickets.models.context.note import AT_ONCE


class ContextVersionOut(serializers.Serializer):
    phase = serializers.CharField()
    number = serializers.IntegerField(help_text="1 for the first version of a phase")
    hash = serializers.CharField(help_text="SHA-256 of the content, hex: the same for the same content")
    size = serializers.IntegerField(help_text="bytes of the content")
    why = serializers.ChoiceField(choices=PhaseContext.Why.values, help_text="what made this version")
    move = serializers.IntegerField(help_text="how often the ticket had moved")
    by = serializers.CharField()
    at = serializers.DateTimeField()


class PhaseContextOut(ContextVersionOut):
    content = serializers.DictField(
        help_text="{tasks: [{task, key, title, kind, summary, outputs?}], decisions, risks, notes:"
        " [{text, from, by, task?}], artifacts: [{name, type, revision, hash}], summary,"
        " omitted?: [{what, count}]}"
    )


class ContextOut(serializers.Serializer):
    """`context` is exactly what a claim's brief has."""

    ticket = serializers.CharField()
    target_phase = serializers.CharField(help_text="the phase in which work can be claimed now")
    context = serializers.DictField(  # type: ignore[assignment]
        help_text="{target_phase, phases: {NAME: content}, current?, summary, tokens, budget,"
        " omitted: [{phase, what, count}], fault?}; empty while there is nothing to hand over"
    )
    summary = serializers.CharField(allow_blank=True)
    phases = PhaseContextOut(many=True, help_text="the newest version of each phase, whole, in order")


class ContextQuery(Shape):
    phase = PhaseField(required=False, help_text="only this phase")
    version = VersionField(required=False, help_text="this version of it instead of the newest")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if "version" in data and "phase" not in data:
            raise serializers.ValidationError({"phase": ["say of which phase it is a version"]})
        return data


class NotesIn(serializers.ListField):
    def __init__(self, **how: Any) -> None:
        super().__init__(
            child=text_of(ContextNote, "text"), max_length=AT_ONCE, required=False, default=list, **how
        )


class ContextIn(Shape):
    phase = PhaseField(required=False, allow_blank=True, default="", help_text="that of the work by default")
    decisions = NotesIn()
    risks = NotesIn()
    notes = NotesIn()
    task = IdField(
        required=False, help_text="the task that you hold; with its fence, the scope `work` is enough"
    )
    fence = FenceField(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("task" in data) != ("fence" in data):
            raise serializers.ValidationError({"fence": ["send a task and its fence together"]})
        return data


class NoteOut(serializers.Serializer):
    id = IdField(source="pk")
    phase = serializers.CharField()
    kind = serializers.ChoiceField(choices=ContextNote.Kind.values)
    text = serializers.CharField(help_text="without secrets: what looked like one is `[redacted]`")
    task = IdField(source="task_id", allow_null=True)
    by = serializers.CharField()
    at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawn_by = serializers.CharField(allow_blank=True)
    withdrawn_reason = serializers.CharField(allow_blank=True)


class NotesOut(serializers.Serializer):
    notes = NoteOut(many=True)


class OfPhaseIn(PageIn):
    phase = PhaseField(required=False)


class ContextView(View):
    scope = f"tickets:write{rights.EITHER}work"

    @route(
        "What earlier phases hand over to the work of a ticket",
        parameters=[ContextQuery],
        gives=ContextOut,
        refuses=(404,),
        tag="context",
    )
    def get(self, request: Request, key: str) -> Response:
        query, ticket = parse_query(ContextQuery, request), the_ticket(self, key)
        return Response(ContextOut({**_document(ticket), "phases": _versions(ticket, query)}).data)

    @route(
        "Add decisions, risks and notes to a phase",
        takes=ContextIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(NotesOut, status=201),
        refuses=(404, 409, 422),
        tag="context",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(ContextIn, request), the_ticket(self, key)
        claim = (data["task"], data["fence"]) if "task" in data else None
        texts = {"decision": data["decisions"], "risk": data["risks"], "note": data["notes"]}
        notes = ContextNote.objects.add(ticket, data["phase"], texts, by=request.user, claim=claim)
        return Response(NotesOut({"notes": notes}).data, status=201)


class ContextVersionsView(View):
    @route(
        "Versions of what phases of a ticket hand over, oldest first, without their content",
        parameters=[OfPhaseIn],
        gives=listing("ContextVersions", ContextVersionOut),
        refuses=(404,),
        tag="context",
    )
    def get(self, request: Request, key: str) -> Response:
        query, ticket = parse_query(OfPhaseIn, request), the_ticket(self, key)
        versions = PhaseContext.objects.filter(ticket=ticket).defer("content")
        if "phase" in query:
            versions = versions.filter(phase=query["phase"])
        return page(request, versions, query, lambda rows: ContextVersionOut(rows, many=True).data)


class NotesView(View):
    @route(
        "Decisions, risks and notes that were added to phases, oldest first, also withdrawn ones",
        parameters=[OfPhaseIn],
        gives=listing("Notes", NoteOut),
        refuses=(404,),
        tag="context",
    )
    def get(self, request: Request, key: str) -> Response:
        query, ticket = parse_query(OfPhaseIn, request), the_ticket(self, key)
        notes = ContextNote.objects.filter(ticket=ticket)
        if "phase" in query:
            notes = notes.filter(phase=query["phase"])
        return page(request, notes, query, lambda rows: NoteOut(rows, many=True).data)


class WithdrawalView(View):
    scope = "tickets:write"

    @route(
        "Withdraw a decision, a risk or a note: it no longer holds",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=NoteOut,
        refuses=(404, 422),
        tag="context",
    )
    def post(self, request: Request, key: str, pk: str) -> Response:
        data, ticket = parse(ReasonIn, request), the_ticket(self, key)
        note = ContextNote.objects.withdraw(ticket, number(pk), by=request.user, reason=data["reason"])
        return Response(NoteOut(note).data)


def _document(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket": ticket.key,
        "target_phase": ticket.plan.works_in(ticket.effective_phase),
        "context": ticket.context,
        "summary": ticket.summary,
    }


def _versions(ticket: Ticket, query: dict[str, Any]) -> list[PhaseContext]:
    if "phase" not in query:
        return PhaseContext.objects.of_phases(ticket)
    if (phase := query["phase"]) not in ticket.plan:
        raise Invalid(f"{phase} is not a phase of {ticket.workflow}", field="phase")
    found = PhaseContext.objects.filter(ticket=ticket, phase=phase)
    if "version" not in query:
        return list(found.newest())
    if not (versions := list(found.filter(number=query["version"]))):
        raise NotFound(f"{phase} of {ticket.key} has no version {query['version']}")
    return versions
