"""Routes of templates: named tickets to open, with variables in their texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import text_of, texts_of
from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, checked, parse, parse_query
from agents.api.projects import ReasonIn
from agents.api.view import View, tagged
from omoi_site.errors import NotFound
from tickets.api.fields import PriorityField, number
from tickets.api.new_tasks import TaskIn, specs
from tickets.api.tickets import AcceptanceField, TicketOut, ticket_response
from tickets.models import Priority, TaskSpec, TemplateSpec, TicketTemplate
from tickets.models.schedule.template_spec import MOST_TASKS, NOT_OF_TEMPLATE
from tickets.models.schedule.variables import LABEL, MOST, VALUE, Variable

JOINS = {None: "all", 1: "any"}


class TemplateVariableIn(Shape):
    name = serializers.CharField(
        max_length=40, help_text="as the texts name it, such as {version}: small letters, digits and _"
    )
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=LABEL, required=False, allow_blank=True
    )
    default = serializers.CharField(
        max_length=VALUE,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="null: it must be given",
    )


class VariablesField(serializers.DictField):
    """Values of the variables of a template."""

    def __init__(self, **how: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=VALUE, allow_blank=True), **how)


class TicketTemplateTaskIn(TaskIn):
    """A task of a template: like one of a new ticket, but it needs only others of it, by their ref."""

    def get_fields(self) -> dict[str, Any]:
        return {name: field for name, field in super().get_fields().items() if name not in NOT_OF_TEMPLATE}


class TicketTemplateTasksIn(Shape):
    tasks = TicketTemplateTaskIn(many=True, max_length=MOST_TASKS)  # type: ignore[call-arg]


class TicketTemplateEdit(Shape):
    name = text_of(TicketTemplate, "name", required=False)
    title = text_of(TicketTemplate, "title", required=False)
    description = text_of(TicketTemplate, "description", required=False, allow_blank=True)
    priority = PriorityField(required=False)
    labels = texts_of(TicketTemplate, "labels", required=False)
    acceptance = AcceptanceField(required=False)
    workflow = serializers.CharField(
        max_length=63, required=False, allow_blank=True, help_text="empty: that of the project"
    )
    tasks = TicketTemplateTaskIn(many=True, required=False, max_length=MOST_TASKS)  # type: ignore[call-arg]
    variables = TemplateVariableIn(many=True, required=False, max_length=MOST)  # type: ignore[call-arg]


class TicketTemplateDocument(TicketTemplateEdit):
    """A template in a file."""

    name = text_of(TicketTemplate, "name")
    title = text_of(TicketTemplate, "title")


class TicketTemplateIn(TicketTemplateDocument):
    project = serializers.CharField(max_length=10)


class TicketTemplateTaskOut(serializers.Serializer):
    title = serializers.CharField()
    ref = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    phase = serializers.CharField(allow_blank=True, help_text="empty: where the ticket's work is then")
    priority = PriorityField(allow_null=True, help_text="null: that of the ticket")
    capabilities = serializers.ListField(child=serializers.CharField())
    needs = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    join = serializers.CharField(help_text="all, any, or how many needs must be met")
    profile = serializers.CharField(allow_blank=True)
    slots = serializers.DictField()
    timeout_s = serializers.IntegerField(allow_null=True)
    stall_after_s = serializers.IntegerField(allow_null=True)
    max_attempts = serializers.IntegerField()

    def to_representation(self, task: TaskSpec) -> dict[str, Any]:
        return task_document(task)


class TemplateVariableOut(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    default = serializers.CharField(allow_null=True, allow_blank=True)


class TicketTemplateOut(serializers.Serializer):
    id = serializers.CharField()
    project = serializers.CharField(source="project.key")
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    priority = PriorityField()
    labels = serializers.ListField(child=serializers.CharField())
    acceptance = serializers.ListField(child=serializers.CharField())
    workflow = serializers.CharField(allow_blank=True, help_text="empty: that of the project")
    tasks = TicketTemplateTaskOut(many=True, source="task_specs")
    variables = TemplateVariableOut(many=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    removed_at = serializers.DateTimeField(allow_null=True)


class OfProjectIn(PageIn):
    project = serializers.CharField(max_length=10, required=False)
    removed = serializers.BooleanField(default=False, help_text="list removed ones instead")


class OpenTemplateIn(Shape):
    variables = VariablesField(required=False)


def task_document(task: TaskSpec) -> dict[str, Any]:
    names = ("title", "ref", "description", "kind", "phase", "profile", "slots", "timeout_s")
    return {
        **{name: getattr(task, name) for name in (*names, "stall_after_s", "max_attempts")},
        "priority": None if task.priority is None else Priority(task.priority).name.lower(),
        "capabilities": list(task.capabilities),
        "needs": [{"task": need.on, "when": need.when, "on_failure": need.on_failure} for need in task.needs],
        "join": JOINS.get(task.join, str(task.join)),
    }


def written_out(data: dict[str, Any]) -> dict[str, Any]:
    """The fields as the verbs take them."""
    if "tasks" in data:
        data["tasks"] = specs(data["tasks"])
    if "variables" in data:
        data["variables"] = [Variable(**each) for each in data["variables"]]
    return data


def document_fields(document: Any) -> dict[str, Any]:
    """The fields of a template in a file, as the verbs take them. Raises Invalid with all faults."""
    return written_out(checked(TicketTemplateDocument, document))


def documents(templates: Sequence[TicketTemplate]) -> Any:
    """Templates as the API and the commands show them."""
    return TicketTemplateOut(templates, many=True).data


def the_template(view: View, pk: str | int) -> TicketTemplate:
    """The template, if the caller sees its project."""
    seen = TicketTemplate.objects.seen_by(view.request.user).select_related("project")
    template = seen.filter(pk=number(str(pk))).first()
    if template is None:
        raise NotFound(f"there is no template {pk}, or you are not a member of its project")
    view.note_seen(template.project)
    return template


def answer(view: View, pk: str | int, status: int = 200) -> Response:
    template = the_template(view, pk)
    return tagged(TicketTemplateOut(template).data, template.version, status=status)


class TemplatesView(View):
    scope = "tickets:write"

    @route(
        "Templates of your projects",
        parameters=[OfProjectIn],
        gives=listing("TicketTemplates", TicketTemplateOut),
        refuses=(404,),
        tag="schedules",
    )
    def get(self, request: Request) -> Response:
        data = parse_query(OfProjectIn, request)
        rows = TicketTemplate.objects.filter(project__in=self.project_ids(data.get("project", "")))
        rows = rows.filter(removed_at__isnull=not data["removed"]).select_related("project")
        return page(request, rows, data, documents)

    @route(
        "Create a template; what no ticket of it could be is refused",
        takes=TicketTemplateIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(TicketTemplateOut, status=201),
        refuses=(404, 409, 422),
        tag="schedules",
    )
    def post(self, request: Request) -> Response:
        data = written_out(parse(TicketTemplateIn, request))
        project = self.project(data.pop("project"))
        template = TicketTemplate.objects.create_template(project, TemplateSpec(**data), by=request.user)
        return answer(self, template.pk, 201)


class TemplateView(View):
    scope = "tickets:write"

    @route("One template", gives=TicketTemplateOut, refuses=(404,), tag="schedules")
    def get(self, request: Request, pk: str) -> Response:
        return answer(self, pk)

    @route(
        "Change a template; tickets that were opened of it stay as they are",
        takes=TicketTemplateEdit,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        gives=TicketTemplateOut,
        refuses=(404, 409, 412, 422),
        tag="schedules",
    )
    def patch(self, request: Request, pk: str) -> Response:
        data = written_out(parse(TicketTemplateEdit, request))
        template = the_template(self, pk)
        TicketTemplate.objects.act(template.pk, "edit", by=request.user, version=self.matched(), **data)
        return answer(self, pk)

    @route(
        "Remove a template that no schedule uses; it can be restored",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(status=204),
        refuses=(404, 409),
        tag="schedules",
    )
    def delete(self, request: Request, pk: str) -> Response:
        template = the_template(self, pk)
        TicketTemplate.objects.act(template.pk, "remove", by=request.user)
        return Response(status=204)


class RestoreTemplateView(View):
    scope = "tickets:write"

    @route(
        "Restore a removed template",
        takes=ReasonIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TicketTemplateOut,
        refuses=(404, 422),
        tag="schedules",
    )
    def post(self, request: Request, pk: str) -> Response:
        data = parse(ReasonIn, request)
        template = the_template(self, pk)
        TicketTemplate.objects.act(template.pk, "restore", by=request.user, reason=data["reason"])
        return answer(self, pk)


class OpenTemplateView(View):
    scope = "tickets:write"

    @route(
        "Open a ticket of a template, with values for its variables",
        takes=OpenTemplateIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(TicketOut, status=201),
        refuses=(404, 409, 422),
        tag="schedules",
    )
    def post(self, request: Request, pk: str) -> Response:
        data = parse(OpenTemplateIn, request)
        template = the_template(self, pk)
        ticket = TicketTemplate.objects.open(template.pk, data.get("variables", {}), by=request.user)
        return ticket_response(ticket.pk, 201)
