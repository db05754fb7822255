"""Routes of schedules: templates of which tickets are opened at the times of a cron line."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.projects import ReasonIn
from agents.api.view import View, tagged
from agents.models import Project
from omoi_site.errors import Invalid, NotFound
from tickets.api.fields import number
from tickets.api.ticket_templates import OfProjectIn, VariablesField
from tickets.models import Schedule, ScheduleRun, ScheduleSpec, TicketTemplate
from tickets.models.schedule.schedule_spec import Misfire, Overlap

OVERLAP = (
    "while its last ticket is open: `skip` the run, `queue` it until that has ended, `replace` the ticket"
)
MISFIRE = "of the runs that nobody opened in time: open `none`, the last `one`, or `all`, at most 100"


class ScheduleEdit(Shape):
    template = serializers.CharField(max_length=63, required=False, help_text="its name")
    cron = serializers.CharField(
        max_length=200,
        required=False,
        help_text="five fields, or @hourly, @daily, @weekly, @monthly, @yearly",
    )
    timezone = serializers.CharField(max_length=200, required=False, help_text="such as Europe/Berlin")
    overlap = serializers.ChoiceField(Overlap.values, required=False, help_text=OVERLAP)
    misfire = serializers.ChoiceField(Misfire.values, required=False, help_text=MISFIRE)
    enabled = serializers.BooleanField(required=False)
    variables = VariablesField(required=False, help_text="values of those of the template")


class ScheduleIn(ScheduleEdit):
    project = serializers.CharField(max_length=10)
    template = serializers.CharField(max_length=63, help_text="its name")
    cron = serializers.CharField(
        max_length=200, help_text="five fields, or @hourly, @daily, @weekly, @monthly, @yearly"
    )


class ScheduleRunOut(serializers.Serializer):
    due_at = serializers.DateTimeField()
    state = serializers.ChoiceField(ScheduleRun.State.values)
    why = serializers.CharField(
        allow_blank=True,
        help_text=f"why it is owed or was skipped: {', '.join(filter(None, ScheduleRun.Why.values))}",
    )
    detail = serializers.CharField(allow_blank=True)
    ticket = serializers.CharField(source="ticket.key", default=None, allow_null=True)
    by_hand = serializers.BooleanField()
    at = serializers.DateTimeField(help_text="when this was found")


class ScheduleOut(serializers.Serializer):
    id = serializers.CharField()
    project = serializers.CharField(source="project.key")
    template = serializers.CharField(source="template.name")
    cron = serializers.CharField()
    timezone = serializers.CharField()
    overlap = serializers.ChoiceField(Overlap.values, help_text=OVERLAP)
    misfire = serializers.ChoiceField(Misfire.values, help_text=MISFIRE)
    enabled = serializers.BooleanField()
    variables = serializers.DictField(child=serializers.CharField())
    next = serializers.ListField(
        child=serializers.DateTimeField(), help_text="the next five times; none while it is disabled"
    )
    owed = serializers.IntegerField(help_text="how many runs are owed")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    removed_at = serializers.DateTimeField(allow_null=True)


def the_schedule(view: View, pk: str | int) -> Schedule:
    """The schedule, if the caller sees its project."""
    seen = Schedule.objects.seen_by(view.request.user).select_related("project", "template")
    schedule = seen.filter(pk=number(str(pk))).first()
    if schedule is None:
        raise NotFound(f"there is no schedule {pk}, or you are not a member of its project")
    view.note_seen(schedule.project)
    return schedule


def named_template(project: Project, name: str) -> TicketTemplate:
    template = TicketTemplate.objects.kept().filter(project=project, name=name).first()
    if template is None:
        raise Invalid(f"{project} has no template {name}", field="template")
    return template


def shown(schedules: list[Schedule]) -> Any:
    at, owed = now(), ScheduleRun.objects.owed_of(schedules)
    for schedule in schedules:
        schedule.__dict__ |= {"next": schedule.upcoming(at), "owed": owed.get(schedule.pk, 0)}
    return ScheduleOut(schedules, many=True).data


def answer(view: View, pk: str | int, status: int = 200) -> Response:
    schedule = the_schedule(view, pk)
    [document] = shown([schedule])
    return tagged(document, schedule.version, status=status)


class SchedulesView(View):
    scope = "tickets:write"

    @route(
        "Schedules of your projects",
        parameters=[OfProjectIn],
        gives=listing("Schedules", ScheduleOut),
        refuses=(404,),
        tag="schedules",
    )
    def get(self, request: Request) -> Response:
        data = parse_query(OfProjectIn, request)
        rows = Schedule.objects.filter(project__in=self.project_ids(data.get("project", "")))
        rows = rows.filter(removed_at__isnull=not data["removed"]).select_related("project", "template")
        return page(request, rows, data, shown)

    @route(
        "Create a schedule",
        takes=ScheduleIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ScheduleOut, status=201),
        refuses=(404, 422),
        tag="schedules",
    )
    def post(self, request: Request) -> Response:
        data = parse(ScheduleIn, request)
        project = self.project(data.pop("project"))
        data["template"] = named_template(project, data["template"])
        schedule = Schedule.objects.create_schedule(project, ScheduleSpec(**data), by=request.user)
        return answer(self, schedule.pk, 201)


class ScheduleView(View):
    scope = "tickets:write"

    @route("One schedule, and its next five times", gives=ScheduleOut, refuses=(404,), tag="schedules")
    def get(self, request: Request, pk: str) -> Response:
        return answer(self, pk)

    @route(
        "Change a schedule; with another line or zone it goes on from now",
        takes=ScheduleEdit,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=ScheduleOut,
        refuses=(404, 412, 422),
        tag="schedules",
    )
    def patch(self, request: Request, pk: str) -> Response:
        data, schedule = parse(ScheduleEdit, request), the_schedule(self, pk)
        if "template" in data:
            data["template"] = named_template(schedule.project, data["template"])
        Schedule.objects.act(schedule.pk, "edit", by=request.user, version=self.matched(), **data)
        return answer(self, pk)

    @route(
        "Remove a schedule; its runs stay, and it can be restored",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(status=204),
        refuses=(404,),
        tag="schedules",
    )
    def delete(self, request: Request, pk: str) -> Response:
        schedule = the_schedule(self, pk)
        Schedule.objects.act(schedule.pk, "remove", by=request.user)
        return Response(status=204)


class ScheduleActView(View):
    """`enable`, `disable` and `restore` have one route each, which calls the verb of that name."""

    scope = "tickets:write"
    verb = "enable"

    @route(
        "Enable, disable or restore a schedule",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=ScheduleOut,
        refuses=(404, 422),
        tag="schedules",
    )
    def post(self, request: Request, pk: str) -> Response:
        data = parse(ReasonIn, request)
        schedule = the_schedule(self, pk)
        Schedule.objects.act(schedule.pk, self.verb, by=request.user, reason=data["reason"])
        return answer(self, pk)


class ScheduleRunsView(View):
    scope = "tickets:write"

    @route(
        "What came of the runs of a schedule, the last first",
        parameters=[PageIn],
        gives=listing("ScheduleRuns", ScheduleRunOut),
        refuses=(404,),
        tag="schedules",
    )
    def get(self, request: Request, pk: str) -> Response:
        rows = the_schedule(self, pk).runs.select_related("ticket")
        data = parse_query(PageIn, request)
        return page(request, rows, data, lambda rows: ScheduleRunOut(rows, many=True).data, by="-id")

    @route(
        "Run a schedule now, whatever is full, frozen or still open",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ScheduleRunOut, status=201),
        refuses=(404, 409, 422),
        tag="schedules",
    )
    def post(self, request: Request, pk: str) -> Response:
        schedule = the_schedule(self, pk)
        run = Schedule.objects.run_now(schedule.pk, by=request.user)
        return Response(ScheduleRunOut(run).data, status=201)
