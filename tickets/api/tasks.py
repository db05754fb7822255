"""Routes of tasks: list, read, change, cancel, retry, bump, explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import MomentField, ReasonField, text_of, texts_of
from agents.api.openapi import IDEMPOTENCY_KEY, listing, route
from agents.api.pagination import PageIn, number_in, page, paged
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View, written
from omoi_site.database import sql
from omoi_site.errors import NotFound
from tickets.api.fields import IdField, PhaseField, PriorityField, number
from tickets.models import Task


class NeedOut(serializers.Serializer):
    id = IdField(source="pk")
    task = IdField(source="parent_id", help_text="the task that is waited for")
    when = serializers.CharField(source="on_end")
    on_failure = serializers.CharField()


class TaskOut(serializers.Serializer):
    id = IdField(source="pk")
    key = serializers.CharField()
    ticket = serializers.CharField(source="ticket_key")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    phase = serializers.CharField()
    priority = PriorityField()
    capabilities = serializers.ListField(child=serializers.CharField())
    profile = serializers.CharField(allow_blank=True)
    slots = serializers.DictField()
    state = serializers.ChoiceField(Task.State.values)
    ready = serializers.BooleanField(source="is_ready")
    waiting_on = serializers.CharField(
        allow_null=True, help_text="who or what must act; null if it has ended"
    )
    needs = NeedOut(many=True)
    join = serializers.IntegerField(allow_null=True, help_text="how many needs must be met; null means all")
    open_needs = serializers.IntegerField()
    holder = serializers.CharField(allow_null=True)
    fence = serializers.IntegerField()
    attempts = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    timeout_s = serializers.IntegerField(allow_null=True)
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
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    failure = serializers.CharField(
        allow_blank=True, help_text="`worker_lost`: it failed because its workers died while they ran it"
    )
    progress = serializers.DictField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


HOLDERS_AND_NEEDS = sql.statement(__file__, "holders_and_needs", columns="t.id")
WHOLE_TASK = sql.statement(__file__, "holders_and_needs", columns="t.*")


def task_documents(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Tasks as clients see them, in a fixed number of statements or fewer."""
    return _documents(
        tasks,
        {row["id"]: row for row in sql.rows(HOLDERS_AND_NEEDS, [[task.pk for task in tasks]])}
        if tasks
        else {},
    )


def _documents(tasks: Sequence[Task], holders_and_needs: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    open_ids = [task.pk for task in tasks if task.state in ("pending", "claimed")]
    waiting = Task.objects.waits(open_ids) if open_ids else {}
    fields = [
        (name, field.source or name, field)
        for name, field in SHAPE.fields.items()
        if name not in ("holder", "needs", "waiting_on")
    ]
    return [
        {
            name: None if (value := getattr(task, source)) is None else field.to_representation(value)
            for name, source, field in fields
        }
        | {
            "holder": holders_and_needs[task.pk]["holder"],
            "needs": holders_and_needs[task.pk]["needs"],
            "waiting_on": waiting.get(task.pk),
        }
        for task in tasks
    ]


SHAPE = TaskOut()


def the_task(view: View, pk: str) -> Task:
    """The task with this id, if the caller sees its project."""
    task = Task.objects.seen_by(view.request.user).select_related("project").filter(pk=number(pk)).first()
    if task is None:
        raise NotFound(f"there is no task {pk}, or you are not a member of its project")
    view.note_seen(task.project)
    return task


def task_document(pk: int) -> dict[str, Any]:
    """The task as it is now."""
    # Handwritten SQL: building the statement with the ORM costs more than running it.
    [row] = sql.rows(WHOLE_TASK, [[pk]])
    fields = Task._meta.concrete_fields
    return _documents(
        [
            Task.from_db(
                "default", [field.attname for field in fields], [row[str(field.column)] for field in fields]
            )
        ],
        {pk: row},
    )[0]


class TasksIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    ticket = serializers.CharField(max_length=24, required=False)
    state = serializers.ChoiceField(Task.State.values, required=False)
    phase = PhaseField(required=False)
    capability = serializers.CharField(max_length=100, required=False)
    agent = serializers.CharField(max_length=63, required=False, help_text="who holds it")
    waiting_on = serializers.CharField(
        max_length=200,
        required=False,
        help_text="who must act; a page examines some thousands of tasks only, so it may have few or none"
        " although there is a `next`",
    )


class TasksView(View):
    @route(
        "Tasks of your projects",
        parameters=[TasksIn],
        gives=listing("Tasks", TaskOut),
        refuses=(404,),
        tag="tasks",
    )
    def get(self, request: Request) -> Response:
        data = parse_query(TasksIn, request)
        tasks: Any = Task.objects.seen_by(request.user)
        if "project" in data:
            tasks = tasks.filter(project=self.project(data["project"]))
        if "capability" in data:
            tasks = tasks.filter(capabilities__contains=[data["capability"].strip().lower()])
        for name, field in (
            ("ticket", "ticket_key"),
            ("state", "state"),
            ("phase", "phase"),
            ("agent", "holder__name"),
        ):
            if name in data:
                tasks = tasks.filter(**{field: data[name]})
        if "waiting_on" in data:
            start = number_in(data["cursor"]) if "cursor" in data else 0
            ids, after = tasks.waiting_on(data["waiting_on"], limit=data["limit"], after=start)
            found = list(Task.objects.filter(pk__in=ids).order_by("pk"))
            return paged(request, task_documents(found), written(after) if after else None)
        return page(request, tasks, data, task_documents)


class TaskEdit(Shape):
    title = text_of(Task, "title", required=False)
    description = text_of(Task, "description", required=False, allow_blank=True)
    kind = text_of(Task, "kind", required=False)
    priority = PriorityField(required=False)
    capabilities = texts_of(Task, "capabilities", required=False)
    deadline = MomentField(required=False, allow_null=True)
    not_before = MomentField(required=False, allow_null=True)
    timeout_s = serializers.IntegerField(min_value=1, max_value=30 * 86400, required=False, allow_null=True)
    max_attempts = serializers.IntegerField(min_value=1, max_value=100, required=False)


class TaskView(View):
    scope = "tickets:write"

    @route("One task", gives=TaskOut, refuses=(404,), tag="tasks")
    def get(self, request: Request, pk: str) -> Response:
        return Response(task_documents([the_task(self, pk)])[0])

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


class TaskActView(View):
    """`cancellation`, `retry` and `bump` have one route each, which calls the verb."""

    scope = "tickets:write"
    verb = "cancel"

    @route(
        "Cancel, retry or bump a task",
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


class TaskExplainView(View):
    @route(
        "Why it is not moving, who must act, what would help",
        gives=ExplainOut,
        refuses=(404,),
        tag="tasks",
    )
    def get(self, request: Request, pk: str) -> Response:
        task = the_task(self, pk)
        explanation = Task.objects.explanations([task.pk]).get(task.pk) or {"waiting_on": None, "causes": []}
        return Response(ExplainOut(explanation).data)
