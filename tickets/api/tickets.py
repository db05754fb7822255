"""Routes of tickets: open, look, change, explain."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField, text_of, texts_of
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, Answer, listing, route
from agents.api.pagination import PageIn, number_in, paged, paged_json
from agents.api.parsing import Shape, parse, parse_query
from agents.api.projects import ReasonIn
from agents.api.view import View, tagged, written
from omoi_site.errors import Faults, Invalid, NotFound
from tickets.api.fields import PhaseField, PriorityField
from tickets.api.new_tasks import TaskIn, specs
from tickets.api.tasks import ExplainOut
from tickets.models import Ticket, TicketSpec, Workflow
from tickets.models.ticket.acceptance import LONGEST, MOST
from tickets.models.ticket.documents import TicketQuery


class WorkflowRef(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()


class CriterionOut(serializers.Serializer):
    text = serializers.CharField()
    evidence = serializers.DictField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="{phase, name, hash, by} of the artifact that answers it; null: it is open",
    )


class TicketOut(serializers.Serializer):
    """The document that `Ticket.objects.documents` and `page_json` make."""

    key = serializers.CharField()
    project = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    priority = PriorityField()
    labels = serializers.ListField(child=serializers.CharField())
    acceptance = CriterionOut(many=True)
    workflow = WorkflowRef()
    phase = serializers.CharField()
    previous_phase = serializers.CharField(allow_blank=True)
    phase_since = serializers.DateTimeField()
    paused = serializers.BooleanField()
    pause_reason = serializers.CharField(allow_blank=True)
    blocked = serializers.DictField(child=serializers.CharField(), allow_null=True)
    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    follow_up = serializers.CharField(allow_null=True, help_text="the ticket it continues")
    schedule = serializers.CharField(
        allow_null=True, help_text="the id of the schedule that opened it, for as long as its run is kept"
    )
    tasks = serializers.DictField(child=serializers.IntegerField())
    waiting_on = serializers.CharField(
        allow_null=True,
        help_text="who or what must act, as it was at `waiting_on_at`; null if it has ended or is not known"
        " yet. Its explanation says it as it is now",
    )
    waiting_on_at = serializers.DateTimeField(
        allow_null=True, help_text="when `waiting_on` was stored: within seconds of a change"
    )
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="the format it was imported from; `demo`: opened by the demo"
    )
    source_id = serializers.CharField(allow_blank=True)
    external_ref = serializers.CharField(
        allow_blank=True, help_text="its reference in another tool: an address or any line of text"
    )
    version = serializers.IntegerField()
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AcceptanceField(serializers.ListField):
    """Texts of acceptance criteria."""

    def __init__(self, **how: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=LONGEST), max_length=MOST, **how)


class TicketIn(Shape):
    project = serializers.CharField(max_length=10)
    title = text_of(Ticket, "title")
    description = text_of(Ticket, "description", required=False, allow_blank=True)
    priority = PriorityField(required=False)
    labels = texts_of(Ticket, "labels", required=False)
    acceptance = AcceptanceField(required=False)
    workflow = serializers.CharField(max_length=63, required=False)
    phase = PhaseField(required=False, help_text="any phase but the first needs gates:force and a reason")
    reason = ReasonField(required=False, allow_blank=True)
    parent = serializers.CharField(max_length=24, required=False, allow_null=True)  # type: ignore[assignment]
    follow_up = serializers.CharField(
        max_length=24, required=False, allow_null=True, help_text="the ticket it continues"
    )
    tasks = TaskIn(many=True, required=False)


class TicketEdit(Shape):
    title = text_of(Ticket, "title", required=False)
    description = text_of(Ticket, "description", required=False, allow_blank=True)
    priority = PriorityField(required=False)
    labels = texts_of(Ticket, "labels", required=False)
    acceptance = AcceptanceField(
        required=False, help_text="all criteria, in order; one with the same text keeps its answer"
    )


EXAMINED_ONLY = (
    "a page examines some thousands of tickets only, so it may have few or none although there is a `next`"
)


WAITING_HELP = (
    "who must act, as stored within seconds of a change; together with other filters, a page may have few or"
    " none although there is a `next`"
)


class TicketsIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    phase = PhaseField(required=False)
    priority = PriorityField(required=False, help_text=EXAMINED_ONLY)
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=200, required=False, help_text=EXAMINED_ONLY
    )
    waiting_on = serializers.CharField(max_length=200, required=False, help_text=WAITING_HELP)
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text=f"part of the title, the key, or the id in the tool it was imported from; {EXAMINED_ONLY}",
    )
    archived = serializers.BooleanField(default=False, help_text="list archived tickets instead")


def the_ticket(view: View, key: str) -> Ticket:
    """The ticket with this key, if the caller sees its project."""
    seen = Ticket.objects.seen_by(view.request.user).select_related("project", "workflow", "parent")
    ticket = seen.filter(key=key.upper()).first()
    if ticket is None:
        raise NotFound(f"there is no ticket {key}, or you are not a member of its project")
    view.note_seen(ticket.project)
    return ticket


def ticket_response(pk: int, status: int = 200) -> Response:
    """The ticket as it is now."""
    [document] = Ticket.objects.documents([pk])
    return tagged(document, document["version"], status=status)


class TicketsView(View):
    scope = "tickets:write"

    @route(
        "Tickets of your projects, newest first",
        parameters=[TicketsIn],
        gives=listing("Tickets", TicketOut),
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request) -> HttpResponse:
        data = parse_query(TicketsIn, request)
        project, limit = data.get("project", ""), data["limit"]
        before = number_in(data["cursor"]) if "cursor" in data else None
        if "waiting_on" in data:
            ids, before = self._matching(data).waiting_on(
                data["waiting_on"],
                limit=limit,
                before=before,
                projects=self.project_ids(project),
            )
            return paged(request, Ticket.objects.documents(ids), written(before) if before else None)
        query = TicketQuery(
            project=project,
            phase=data.get("phase", ""),
            priority=data.get("priority"),
            label=data.get("label", ""),
            text=data.get("q", ""),
            archived=data["archived"],
        )
        page = Ticket.objects.page_json(query, by=request.user, limit=limit, before=before)
        if page and page.empty:
            Workflow.objects.expect_phases(filter(None, [query.phase]))
        return paged_json(request, page or self.missing(project))

    def _matching(self, data: dict[str, Any]) -> Any:
        """The tickets that the other filters leave of those that may wait on somebody."""
        tickets = Ticket.objects.seen_by(self.request.user).filter(archived_at__isnull=not data["archived"])
        if "project" in data:
            tickets = tickets.filter(project__key=data["project"].upper())
        if "label" in data:
            tickets = tickets.filter(labels__contains=[data["label"]])
        if "q" in data:
            tickets = tickets.filter(
                Q(title__icontains=data["q"]) | Q(key=data["q"].upper()) | Q(source_id=data["q"])
            )
        return tickets.filter(**{name: data[name] for name in ("phase", "priority") if name in data})

    @route(
        "Open a ticket, with its tasks",
        takes=TicketIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(TicketOut, status=201),
        refuses=(404, 409, 422),
        tag="tickets",
    )
    def post(self, request: Request) -> Response:
        data = parse(TicketIn, request, add_faults=self.add_unknown_project)
        project = self.project(data.pop("project"))
        for field in ("parent", "follow_up"):
            if key := data.pop(field, None):
                data[field] = Ticket.objects.filter(project=project, key=key.upper()).first()
                if data[field] is None:
                    raise Invalid(f"there is no ticket {key} in {project}", field=field)
        tasks = specs(data.pop("tasks", []))
        ticket = Ticket.objects.open(project, TicketSpec(tasks=tasks, **data), by=request.user)
        return ticket_response(ticket.pk, 201)

    def add_unknown_project(self, data: Any, faults: Faults) -> None:
        """If the body has other faults, an unknown project is one more; alone it is a 404."""
        key = data.get("project") if isinstance(data, dict) else None
        if isinstance(key, str) and key and not any(fault["field"] == "project" for fault in faults.found):
            try:
                self.project(key)
            except NotFound as missing:
                faults.add("project", missing.message, "not_found")


class TicketView(View):
    scope = "tickets:write"

    @route("One ticket", gives=TicketOut, refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        return ticket_response(the_ticket(self, key).pk)

    @route(
        "Change a ticket",
        takes=TicketEdit,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=TicketOut,
        refuses=(404, 412, 422),
        tag="tickets",
    )
    def patch(self, request: Request, key: str) -> Response:
        data, ticket = parse(TicketEdit, request), the_ticket(self, key)
        Ticket.objects.act(ticket.pk, "edit", by=request.user, version=self.matched(), **data)
        return ticket_response(ticket.pk)


class TicketActView(View):
    """`pause`, `resume`, `archive` and `restore` have one route each, which calls the verb of that name."""

    scope = "tickets:write"
    verb = "pause"

    @route(
        "Pause, resume, archive or restore a ticket",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TicketOut,
        refuses=(404, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(ReasonIn, request), the_ticket(self, key)
        Ticket.objects.act(ticket.pk, self.verb, by=request.user, reason=data["reason"])
        return ticket_response(ticket.pk)


class TicketExplainOut(ExplainOut):
    on_failure = serializers.CharField(
        allow_blank=True,
        help_text="what the workflow does when the gate refuses the next time; empty: nothing",
    )


class TicketExplainView(View):
    @route(
        "Why it is not moving, who must act, what would help",
        gives=TicketExplainOut,
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(TicketExplainOut(Ticket.objects.explanation(the_ticket(self, key))).data)
