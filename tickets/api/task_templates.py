"""Routes of task templates: the tasks with which the workflow begins a phase, added again by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import text_of
from agents.api.openapi import IDEMPOTENCY_KEY, Answer, route
from agents.api.parsing import Shape, parse, parse_query
from agents.api.view import View
from omoi_site.errors import Faults
from tickets.api.fields import PhaseField, PriorityField
from tickets.api.tickets import the_ticket
from tickets.models import Chosen, LaunchSpec, Task, TemplateLaunch, Ticket
from tickets.models.ticket import task_templates
from tickets.models.ticket.task_templates import KEY, LONGEST_WORD
from tickets.models.ticket.template_launch import outcome
from tickets.models.ticket.workflow_tasks import WORDS

MOST = 100  # tasks of a phase


class TemplateQuery(Shape):
    phase = PhaseField(
        required=False, help_text="the phase to look at; by default the one in which the work is now"
    )


class ChosenIn(Shape):
    task = text_of(Task, "title", help_text="its `template`: the ref, or the title in the workflow")
    title = text_of(Task, "title", required=False, help_text="instead of its own")
    description = text_of(
        Task, "description", required=False, allow_blank=True, help_text="instead of its own"
    )

    def read(self, data: Any, path: str, faults: Faults) -> Any:
        """A plain text stands for {"task": text}."""
        return super().read({"task": data} if isinstance(data, str) else data, path, faults)


class LaunchIn(Shape):
    key = serializers.CharField(
        max_length=KEY, help_text="chosen by you: the same one again adds nothing and gives the same answer"
    )
    phase = PhaseField(required=False, help_text="by default the one in which the work is now")
    tasks = ChosenIn(  # type: ignore[call-arg]
        many=True, required=False, max_length=MOST, help_text="the ones to add; by default all of the phase"
    )
    words = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST_WORD),
        required=False,
        help_text=f"what stands for {', '.join(f'{{{word}}}' for word in WORDS)} instead of the ticket's own",
    )
    dry_run = serializers.BooleanField(default=False, help_text="add nothing; say what would be added")


class TemplateOut(serializers.Serializer):
    template = serializers.CharField(help_text="by this it is chosen")
    title = serializers.CharField(help_text="with its words filled in")
    description = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    priority = PriorityField(allow_null=True, help_text="null: that of the ticket")
    capabilities = serializers.ListField(child=serializers.CharField())
    profile = serializers.CharField(allow_blank=True)
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="ids of tasks; before it is added also templates"
    )
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="templates it needs that are neither chosen nor open"
    )
    task = serializers.CharField(allow_null=True, help_text="the id of its task, or of the open one")
    added = serializers.BooleanField(
        help_text="whether it was added, or would be; false: a task of this title is still open"
    )


class TemplatesOut(serializers.Serializer):
    ticket = serializers.CharField()
    phase = serializers.CharField()
    phases = serializers.ListField(
        child=serializers.CharField(), help_text="the phases that begin with tasks"
    )
    possible = serializers.BooleanField(help_text="whether work can be added to the phase now")
    why_not = serializers.CharField(allow_blank=True)
    next_action = serializers.CharField(allow_blank=True)
    tasks = TemplateOut(many=True, help_text="each as it would be added now")


class LaunchOut(serializers.Serializer):
    key = serializers.CharField()
    phase = serializers.CharField()
    dry_run = serializers.BooleanField()
    tasks = TemplateOut(many=True)


class TaskTemplatesView(View):
    scope = "tickets:write"

    @route(
        "The tasks with which its workflow begins a phase",
        parameters=[TemplateQuery],
        gives=TemplatesOut,
        refuses=(404, 422),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        query, ticket = parse_query(TemplateQuery, request), the_ticket(self, key)
        return Response(TemplatesOut(templates_document(ticket, query.get("phase", ""))).data)

    @route(
        "Add such tasks again, all or none, with other words if you like",
        takes=LaunchIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(LaunchOut, status=201, also={200: "a dry run, or this key again"}),
        refuses=(404, 409, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(LaunchIn, request), the_ticket(self, key)
        chosen = data.get("tasks")
        spec = LaunchSpec(
            data.get("phase", ""),
            None if chosen is None else [chosen_in(each) for each in chosen],
            data.get("words", {}),
        )
        if data["dry_run"]:
            plan = task_templates.checked_plan(ticket, spec)
            return Response(launch_document(data["key"], plan.phase, outcome(plan), dry_run=True))
        launched = TemplateLaunch.objects.launch(ticket.pk, spec, key=data["key"], by=request.user)
        row = launched.launch
        return Response(
            launch_document(row.key, row.phase, row.outcome), status=201 if launched.first else 200
        )


def chosen_in(data: Mapping[str, str]) -> Chosen:
    return Chosen(data["task"], data.get("title"), data.get("description"))


def templates_document(ticket: Ticket, phase: str) -> dict[str, Any]:
    """The templates of a phase, as they would be added now; none for a phase without."""
    looked_at = phase or task_templates.usual_phase(ticket)
    phases = task_templates.phases_with_templates(ticket)
    tasks = []
    if looked_at in phases or looked_at not in ticket.plan:  # an unknown phase is refused there
        tasks = outcome(task_templates.plan_of(ticket, LaunchSpec(looked_at)))
    refusal = task_templates.why_not(ticket, looked_at)
    return {
        "ticket": ticket.key,
        "phase": looked_at,
        "phases": phases,
        "possible": refusal is None,
        "why_not": refusal.message if refusal else "",
        "next_action": refusal.next_action if refusal else "",
        "tasks": tasks,
    }


def launch_document(
    key: str, phase: str, tasks: list[dict[str, Any]], *, dry_run: bool = False
) -> dict[str, Any]:
    document = {"key": key, "phase": phase, "dry_run": dry_run, "tasks": tasks}
    return dict(LaunchOut(document).data)
