"""Routes of tickets: open, look, change, move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

from agents.api.fields import ReasonField, text_of, texts_of
from agents.api.openapi import listing, route
from agents.api.pagination import PageIn, page, paged
from agents.api.parsing import Shape, asked, parse
from agents.api.projects import ReasonIn
from agents.api.view import View, reading, tagged, written
from omoi_site.errors import Forbidden, Invalid, Malformed, NotFound
from tickets.api.fields import IdField, PhaseField, PriorityField
from tickets.api.new_tasks import TaskIn, specs
from tickets.api.tasks import ExplainOut
from tickets.models import Link, Task, Ticket, TicketSpec
from tickets.models.ticket.left_phases import FOLLOW_UP
from tickets.models.ticket.options import options
from tickets.models.ticket.record import BlockedClass


class WorkflowRef(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()


class TicketOut(serializers.Serializer):
    key = serializers.CharField()
    project = serializers.CharField(source="project.key")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    priority = PriorityField()
    labels = serializers.ListField(child=serializers.CharField())
    workflow = WorkflowRef()
    phase = serializers.CharField()
    previous_phase = serializers.CharField(allow_blank=True)
    phase_since = serializers.DateTimeField()
    paused = serializers.BooleanField()
    pause_reason = serializers.CharField(allow_blank=True)
    blocked = serializers.SerializerMethodField()
    parent = serializers.CharField(source="parent.key", allow_null=True, default=None)  # type: ignore[assignment]
    follow_up = serializers.CharField(allow_null=True, help_text="the ticket it continues")
    tasks = serializers.SerializerMethodField()
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="the format it was imported from; `demo`: opened by the demo"
    )
    source_id = serializers.CharField(allow_blank=True)
    external_ref = serializers.CharField(
        allow_blank=True, help_text="what it is called elsewhere: an address or any other line of text"
    )
    version = serializers.IntegerField()
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_blocked(self, ticket: Ticket) -> dict[str, str] | None:
        return (
            {"class": ticket.blocked_class, "reason": ticket.blocked_reason}
            if ticket.blocked_reason
            else None
        )

    def get_tasks(self, ticket: Any) -> dict[str, int]:
        return {state: getattr(ticket, f"tasks_{state}") for state in Task.State.values}


class GivenOut(serializers.Serializer):
    id = IdField(source="pk")
    passed = serializers.BooleanField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class MoveOut(serializers.Serializer):
    from_phase = serializers.CharField(allow_null=True)
    to_phase = serializers.CharField()
    ground = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField()
    at = serializers.DateTimeField()
    verdict = GivenOut(allow_null=True, help_text="the verdict that opened the gate")
    artifacts = serializers.DictField(help_text="hashes of what was handed in by then, by phase and name")


class MovedOut(serializers.Serializer):
    ticket = TicketOut()
    history = MoveOut()


class WayOut(serializers.Serializer):
    to = serializers.CharField()
    allowed = serializers.BooleanField()
    unmet = serializers.ListField(child=serializers.DictField())


class TicketIn(Shape):
    project = serializers.CharField(max_length=10)
    title = text_of(Ticket, "title")
    description = text_of(Ticket, "description", required=False, allow_blank=True)
    priority = PriorityField(required=False)
    labels = texts_of(Ticket, "labels", required=False)
    workflow = serializers.CharField(max_length=63, required=False)
    phase = PhaseField(required=False, help_text="past the first phase it needs gates:force and a reason")
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


SHORT_PAGES = "who must act; a page looks at thousands of tickets and no more: it may hold few or none while `next` leads on"


class TicketsIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    phase = PhaseField(required=False)
    priority = PriorityField(required=False)
    label = serializers.CharField(max_length=200, required=False)  # type: ignore[assignment]
    waiting_on = serializers.CharField(max_length=200, required=False, help_text=SHORT_PAGES)
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text="part of the title, the key, or the id it has where it was imported from",
    )
    archived = serializers.BooleanField(default=False, help_text="the archived ones instead of the others")


def number_in(cursor: str | None) -> int | None:
    place = reading(cursor) if cursor else None
    if place is not None and not (place.isdecimal() and len(place) <= 18):
        raise Malformed("this cursor is not one of ours")
    return int(place) if place else None


def with_counts() -> Any:
    counts = {f"tasks_{state}": Count("tasks", filter=Q(tasks__state=state)) for state in Task.State.values}
    continued = Link.objects.filter(ticket=OuterRef("pk"), kind=FOLLOW_UP).values("other__key")[:1]
    return Ticket.objects.select_related("project", "workflow", "parent").annotate(
        **counts, follow_up=Subquery(continued)
    )


def the_ticket(view: View, key: str) -> Any:
    """The ticket with this key, when the caller sees its project and may do this there."""
    found = (
        with_counts()
        .filter(pk__in=Ticket.objects.seen_by(view.request.user).filter(key=key.upper()).values("pk"))
        .first()
    )
    if found is None:
        raise NotFound(f"there is no ticket {key}, or you are not a member of its project")
    view.need(found.project)
    return found


def again(pk: int, status: int = 200) -> Response:
    """The ticket as it is now."""
    ticket = with_counts().get(pk=pk)
    return tagged(TicketOut(ticket).data, ticket.version, status=status)


class TicketsView(View):
    scope = "tickets:write"

    @route(
        "Tickets of your projects, newest first",
        gives=listing("Tickets", TicketOut),
        query=TicketsIn,
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request) -> Response:
        given = asked(TicketsIn, request)
        found = Ticket.objects.seen_by(request.user).filter(archived_at__isnull=not given["archived"])
        if "project" in given:
            found = found.filter(project=self.project(given["project"]))
        if "label" in given:
            found = found.filter(labels__contains=[given["label"]])
        if "q" in given:
            found = found.filter(
                Q(title__icontains=given["q"]) | Q(key=given["q"].upper()) | Q(source_id=given["q"])
            )
        for name in ("phase", "priority"):
            if name in given:
                found = found.filter(**{name: given[name]})
        if "waiting_on" in given:
            ids, before = found.waiting_on(
                given["waiting_on"], limit=given["limit"], before=number_in(given.get("cursor"))
            )
            return paged(request, self._shown(ids), written(before) if before else None)
        return page(request, found, given, lambda rows: self._shown([row.pk for row in rows]), by="-id")

    @staticmethod
    def _shown(ids: list[int]) -> ReturnDict:
        return TicketOut(with_counts().filter(pk__in=ids).order_by("-id"), many=True).data

    @route(
        "Open a ticket, with its tasks",
        takes=TicketIn,
        gives=TicketOut,
        status=201,
        refuses=(404, 409, 422),
        once=True,
        tag="tickets",
    )
    def post(self, request: Request) -> Response:
        given = parse(TicketIn, request)
        project = self.project(given.pop("project"))
        for field in ("parent", "follow_up"):
            if key := given.pop(field, None):
                given[field] = Ticket.objects.filter(project=project, key=key.upper()).first()
                if given[field] is None:
                    raise Invalid(f"there is no ticket {key} in {project}", field=field)
        tasks = specs(given.pop("tasks", []))
        ticket = Ticket.objects.open(project, TicketSpec(tasks=tasks, **given), by=request.user)
        return again(ticket.pk, 201)


class TicketView(View):
    scope = "tickets:write"

    @route("One ticket", gives=TicketOut, refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        ticket = the_ticket(self, key)
        return tagged(TicketOut(ticket).data, ticket.version)

    @route(
        "Change a ticket",
        takes=TicketEdit,
        gives=TicketOut,
        refuses=(404, 412, 422),
        once=True,
        match=True,
        tag="tickets",
    )
    def patch(self, request: Request, key: str) -> Response:
        given, found = parse(TicketEdit, request), the_ticket(self, key)
        Ticket.objects.act(found.pk, "edit", by=request.user, version=self.matched(), **given)
        return again(found.pk)


class TicketActView(View):
    """`pause`, `resume`, `archive` and `restore` are one route each, over the verb of that name."""

    scope = "tickets:write"
    verb = "pause"

    @route(
        "Pause, resume, archive or restore a ticket",
        takes=ReasonIn,
        gives=TicketOut,
        refuses=(404, 422),
        once=True,
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        given, found = parse(ReasonIn, request), the_ticket(self, key)
        Ticket.objects.act(found.pk, self.verb, by=request.user, reason=given["reason"])
        return again(found.pk)


class TransitionIn(Shape):
    to = PhaseField()
    reason = ReasonField(required=False, allow_blank=True, default="")
    force = serializers.BooleanField(default=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "class": serializers.ChoiceField(BlockedClass.values, required=False)}


class TransitionsView(View):
    scope = "tickets:write"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        with self.told(request, kwargs["key"]):
            super().initial(request, *args, **kwargs)

    @contextmanager
    def told(self, request: Request, key: str) -> Iterator[None]:
        """Who may not move a ticket they see, and tries, is told of in the journal too."""
        try:
            yield
        except Forbidden as refusal:
            found = (
                Ticket.objects.seen_by(request.user).filter(key=key.upper()).first()
                if request.method == "POST"
                else None
            )
            if found is None:
                raise
            with Ticket.objects.told_if_refused(found.pk, "", by=request.user):
                raise refusal

    @route("Where it could go, and what is missing", gives=WayOut(many=True), refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        moves = options(the_ticket(self, key), request.user)
        return Response(WayOut([move for move in moves if move.verb != "force"], many=True).data)

    @route(
        "Move the ticket",
        takes=TransitionIn,
        gives=MovedOut,
        refuses=(404, 409, 412, 422),
        once=True,
        match=True,
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        given = parse(TransitionIn, request)
        with self.told(request, key):
            found = the_ticket(self, key)
        cause = {"cause": given["class"]} if "class" in given else {}
        how = {"reason": given["reason"], "force": given["force"], "version": self.matched(), **cause}
        row = Ticket.objects.move(found.pk, given["to"], by=request.user, **how)
        moved = again(found.pk)
        moved.data = {"ticket": moved.data, "history": MoveOut(row).data}
        return moved


class HistoryView(View):
    @route("Every change of phase", gives=MoveOut(many=True), refuses=(404,), tag="tickets")
    def get(self, request: Request, key: str) -> Response:
        return Response(
            MoveOut(the_ticket(self, key).history.select_related("verdict").order_by("move"), many=True).data
        )


class TicketExplainView(View):
    @route(
        "Why it does not move, who must act, what would help", gives=ExplainOut, refuses=(404,), tag="tickets"
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(ExplainOut(Ticket.objects.explanation(the_ticket(self, key))).data)
