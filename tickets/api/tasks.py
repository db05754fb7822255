"""Routes of tasks: list, read, change, cancel, retry, bump, explain."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import MomentField, ReasonField, text_of, texts_of
from agents.api.openapi import IDEMPOTENCY_KEY, listing, route
from agents.api.pagination import PageIn, number_in, paged, paged_json
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View, reading, written
from omoi_site.errors import Malformed, NotFound, short
from tickets.api.fields import STALL_HELP, IdField, PhaseField, PriorityField, StallField, number
from tickets.models import Settlement, Task, Workflow
from tickets.models.task.dependants import ASK, POLICIES
from tickets.models.task.documents import DeadlinePlace, TaskQuery

DEADLINE_PLACE = re.compile(r"(-?[0-9]{1,16}) ([0-9]{1,18})")


class NeedOut(serializers.Serializer):
    id = IdField(source="pk")
    task = IdField(source="parent_id", help_text="the task that is waited for")
    when = serializers.CharField(source="on_end")
    on_failure = serializers.CharField()


class CoordinationOut(serializers.Serializer):
    strategy = serializers.CharField(allow_blank=True, help_text="of a merge")
    timeout_s = serializers.IntegerField(allow_null=True, help_text="how long a sync waits at most")
    on_timeout = serializers.CharField(help_text="what a sync does then: fail or continue")
    since = serializers.DateTimeField(
        allow_null=True, help_text="from when the timeout counts: the first of its tasks could be worked on"
    )
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="keys about which there was no majority"
    )


class TaskOut(serializers.Serializer):
    """The document that `Task.objects.documents` and `page_json` make."""

    id = IdField()
    key = serializers.CharField()
    ticket = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    phase = serializers.CharField()
    priority = PriorityField()
    capabilities = serializers.ListField(child=serializers.CharField())
    operation = serializers.ChoiceField(
        Task.Operations.values,
        allow_blank=True,
        help_text="a sync or merge completes by itself when its needs are met; empty: work to claim",
    )
    coordination = CoordinationOut(allow_null=True, help_text="of an operation")
    profile = serializers.CharField(allow_blank=True)
    slots = serializers.DictField()
    state = serializers.ChoiceField(Task.State.values)
    ready = serializers.BooleanField()
    waiting_on = serializers.CharField(
        allow_null=True, help_text="who or what must act; null if it has ended"
    )
    waiting_on_at = serializers.DateTimeField(
        allow_null=True,
        help_text="when `waiting_on` was so: just now; in a list by `waiting_on`, when it was stored",
    )
    needs = NeedOut(many=True)
    join = serializers.IntegerField(allow_null=True, help_text="how many needs must be met; null means all")
    open_needs = serializers.IntegerField()
    holder = serializers.CharField(allow_null=True)
    fence = serializers.IntegerField()
    attempts = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    timeout_s = serializers.IntegerField(allow_null=True)
    stall_after_s = serializers.IntegerField(allow_null=True, help_text=STALL_HELP)
    work_s = serializers.FloatField(allow_null=True, help_text="how long it once took, for imported tasks")
    not_before = serializers.DateTimeField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True)
    claimed_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(
        allow_null=True, help_text="when its worker began it; for other agents, when it was claimed"
    )
    runs_alone = serializers.BooleanField(
        help_text="two workers died while it ran, so it now runs alone in its worker"
    )
    lease_expires_at = serializers.DateTimeField(allow_null=True)
    active_at = serializers.DateTimeField(
        allow_null=True, help_text="when its present or last claim last showed progress, or ended"
    )
    stalled_at = serializers.DateTimeField(
        allow_null=True, help_text="since when its claim is known to be stalled; null: it is not"
    )
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    failure = serializers.CharField(
        allow_blank=True,
        help_text=(
            "`worker_lost`: it failed because its workers died while they ran it; `validation_repeated`,"
            " `validation_rounds`: it failed validation three times in the same way, or eleven times"
        ),
    )
    progress = serializers.DictField()
    checkpoint = serializers.DictField(
        allow_null=True, help_text="where the work stood at the last checkpoint of a holder"
    )
    tried = serializers.ListField(
        child=serializers.DictField(),
        help_text="how the last attempts failed, at most ten: attempt, kind, error, by, at",
    )
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class CompletedOut(TaskOut):
    late = serializers.BooleanField(
        required=False, help_text="true if its lease had ended, but nobody was granted the task since"
    )


def completed_document(settled: Settlement) -> dict[str, Any]:
    """The task as it is after its completion."""
    return {**task_document(settled.task), **({"late": True} if settled.late else {})}


class TimedTaskOut(TaskOut):
    """One task, with how long it has taken."""

    elapsed_s = serializers.FloatField(
        allow_null=True, help_text="since it was started; of an ended task, how long it took; null before"
    )
    remaining_s = serializers.FloatField(
        allow_null=True, help_text="until its timeout; null if it is not claimed, or has none"
    )


def no_task(pk: str) -> NotFound:
    """The refusal for an address that names no task: perhaps it has the key, where the id belongs."""
    _ticket, dot, named = pk.rpartition(".")
    way_out = (
        f"Addresses of tasks have the id, not the key: /tasks/{named}." if dot and number(named) > 0 else ""
    )
    return NotFound(
        f"there is no task {short(pk, 60)}, or you are not a member of its project", next_action=way_out
    )


def the_task(view: View, pk: str) -> Task:
    """The task with this id, if the caller sees its project."""
    task = Task.objects.seen_by(view.request.user).select_related("project").filter(pk=number(pk)).first()
    if task is None:
        raise no_task(pk)
    view.note_seen(task.project)
    return task


def task_document(pk: int) -> dict[str, Any]:
    """The task as it is now."""
    [document] = Task.objects.documents([pk])
    return document


EXAMINED_ONLY = (
    "a page examines some thousands of tasks only, so it may have few or none although there is a `next`"
)


WAITING_HELP = (
    "who must act, as stored within seconds of a change; together with other filters, a page may have few or"
    " none although there is a `next`"
)


class TasksIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    ticket = serializers.CharField(max_length=24, required=False)
    state = serializers.ChoiceField(Task.State.values, required=False)
    phase = PhaseField(required=False, help_text=EXAMINED_ONLY)
    capability = serializers.CharField(max_length=100, required=False, help_text=EXAMINED_ONLY)
    agent = serializers.CharField(max_length=63, required=False, help_text="who holds it")
    overdue = serializers.BooleanField(
        default=False,
        help_text="only open tasks whose deadline has passed, the earliest deadline first;"
        " together with `waiting_on` in the order of their ids",
    )
    waiting_on = serializers.CharField(max_length=200, required=False, help_text=WAITING_HELP)


def deadline_place_in(cursor: str) -> DeadlinePlace:
    """Where the page before this one ended, in the list of overdue tasks."""
    found = DEADLINE_PLACE.fullmatch(reading(cursor))
    if found is None:
        raise Malformed("this cursor is not valid")
    return DeadlinePlace(*map(int, found.groups()))


class TasksView(View):
    @route(
        "Tasks of your projects",
        parameters=[TasksIn],
        gives=listing("Tasks", TaskOut),
        refuses=(404,),
        tag="tasks",
    )
    def get(self, request: Request) -> HttpResponse:
        data = parse_query(TasksIn, request)
        limit, cursor = data["limit"], data.get("cursor", "")
        if "waiting_on" in data:
            ids, following = self._matching(data).waiting_on(
                data["waiting_on"],
                limit=limit,
                after=number_in(cursor) if cursor else 0,
                projects=self.project_ids(data.get("project", "")),
                few="ticket" in data or "agent" in data,
            )
            documents = Task.objects.documents(ids, stored_waits=True)
            return paged(request, documents, written(following) if following else None)
        query = TaskQuery(
            project=data.get("project", ""),
            ticket=data.get("ticket", ""),
            holder=data.get("agent", ""),
            state=data.get("state", ""),
            phase=data.get("phase", ""),
            capability=data.get("capability", "").strip().lower(),
            overdue=data["overdue"],
        )
        place_in = deadline_place_in if query.overdue else number_in
        page = Task.objects.page_json(
            query, by=request.user, limit=limit, after=place_in(cursor) if cursor else 0
        )
        if page and page.empty:
            Workflow.objects.expect_phases(filter(None, [query.phase]))
        return paged_json(request, page or self.missing(query.project))

    def _matching(self, data: dict[str, Any]) -> Any:
        """The tasks that the other filters leave of those that may wait on somebody."""
        tasks = Task.objects.seen_by(self.request.user)
        if "project" in data:
            tasks = tasks.filter(project__key=data["project"].upper())
        if "capability" in data:
            tasks = tasks.filter(capabilities__contains=[data["capability"].strip().lower()])
        if data["overdue"]:
            tasks = tasks.overdue()
        names = {"ticket": "ticket_key", "state": "state", "phase": "phase", "agent": "holder__name"}
        return tasks.filter(**{field: data[name] for name, field in names.items() if name in data})


class TaskEdit(Shape):
    title = text_of(Task, "title", required=False)
    description = text_of(Task, "description", required=False, allow_blank=True)
    kind = text_of(Task, "kind", required=False)
    priority = PriorityField(required=False)
    capabilities = texts_of(Task, "capabilities", required=False)
    deadline = MomentField(required=False, allow_null=True)
    not_before = MomentField(required=False, allow_null=True)
    timeout_s = serializers.IntegerField(min_value=1, max_value=30 * 86400, required=False, allow_null=True)
    stall_after_s = StallField(required=False, allow_null=True)
    max_attempts = serializers.IntegerField(min_value=1, max_value=100, required=False)


class TaskView(View):
    scope = "tickets:write"

    @route("One task", gives=TimedTaskOut, refuses=(404,), tag="tasks")
    def get(self, request: Request, pk: str) -> Response:
        task = the_task(self, pk)
        return Response(task_document(task.pk) | Task.objects.times(task.pk))

    @route(
        "Change an open task",
        takes=TaskEdit,
        parameters=[IDEMPOTENCY_KEY],
        gives=TaskOut,
        refuses=(404, 409, 422),
        tag="tasks",
    )
    def patch(self, request: Request, pk: str) -> Response:
        data, task = parse(TaskEdit, request), the_task(self, pk)
        Task.objects.edit(task.pk, by=request.user, **data)
        return Response(task_document(task.pk))


class WhyIn(Shape):
    reason = ReasonField()


class DependantOut(serializers.Serializer):
    task = IdField()
    key = serializers.CharField()
    title = serializers.CharField()
    then = serializers.CharField(
        help_text="what becomes of it: `cancelled`, `held` (a person must decide), `ready`, `completed`,"
        " or `waits` (for others still)"
    )


class DependantsOut(serializers.Serializer):
    dependants = DependantOut(many=True)
    more_dependants = serializers.IntegerField(help_text="how many there are beside these")


class DependantsIn(Shape):
    dependants = serializers.ChoiceField(
        POLICIES, required=False, help_text="if this were decided for all of them"
    )


class CancellationIn(WhyIn):
    dependants = serializers.ChoiceField(
        [*POLICIES, ASK],
        required=False,
        help_text="what becomes of the tasks that need its success; without it, what each need says. `ask`:"
        " 409 `dependants_undecided` lists them if one would be held or cancelled",
    )


class CancellationView(View):
    scope = "tickets:write"

    @route(
        "What would become of the tasks that need it, if it were cancelled",
        parameters=[DependantsIn],
        gives=DependantsOut,
        refuses=(404, 409),
        tag="tasks",
    )
    def get(self, request: Request, pk: str) -> Response:
        task, data = the_task(self, pk), parse_query(DependantsIn, request)
        found = Task.objects.cancellation(task.pk, by=request.user, **data)
        listed = [each.document() for each in found.listed]
        return Response({"dependants": listed, "more_dependants": found.more})

    @route(
        "Cancel a task; whoever holds it loses the claim",
        takes=CancellationIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TaskOut,
        refuses=(404, 409, 422),
        tag="tasks",
    )
    def post(self, request: Request, pk: str) -> Response:
        data, task = parse(CancellationIn, request), the_task(self, pk)
        Task.objects.act(task.pk, "cancel", by=request.user, **data)
        return Response(task_document(task.pk))


class TaskActView(View):
    """`retry` and `bump` have one route each, which calls the verb."""

    scope = "tickets:write"
    verb = "retry"

    @route(
        "Retry or bump a task",
        takes=WhyIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TaskOut,
        refuses=(404, 409, 422),
        tag="tasks",
    )
    def post(self, request: Request, pk: str) -> Response:
        data, task = parse(WhyIn, request), the_task(self, pk)
        Task.objects.act(task.pk, self.verb, by=request.user, reason=data["reason"])
        return Response(task_document(task.pk))


class CauseOut(serializers.Serializer):
    code = serializers.CharField()
    who = serializers.CharField()
    what = serializers.CharField()
    how = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class ExplainOut(serializers.Serializer):
    waiting_on = serializers.CharField(allow_null=True)
    causes = CauseOut(many=True)
    late = serializers.ListField(
        child=serializers.CharField(), help_text="which tasks are overdue or expected late, in sentences"
    )


class TaskExplainView(View):
    @route(
        "Why it is not moving, who must act, what would help",
        gives=ExplainOut,
        refuses=(404,),
        tag="tasks",
    )
    def get(self, request: Request, pk: str) -> Response:
        task = the_task(self, pk)
        return Response(ExplainOut(Task.objects.explanations([task.pk])[task.pk]).data)
