"""Routes that add tasks to a ticket, and needs between tasks."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, Answer, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from omoi_site.errors import Invalid, NotFound
from tickets.api.fields import IdField, number
from tickets.api.new_tasks import ENDS, POLICIES, TasksIn, specs
from tickets.api.tasks import NeedOut, TaskOut
from tickets.api.tickets import the_ticket
from tickets.models import Edge, Need, Task


class AddedOut(serializers.Serializer):
    tasks = TaskOut(many=True)


class TicketTasksView(View):
    scope = "tickets:write"

    @route(
        "Add tasks, all or none",
        takes=TasksIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(AddedOut, status=201),
        refuses=(404, 409, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(TasksIn, request), the_ticket(self, key)
        added = Task.objects.add(ticket, specs(data["tasks"]), by=request.user)
        return Response({"tasks": Task.objects.documents([task.pk for task in added])}, status=201)


class EdgeIn(Shape):
    task = IdField(help_text="the task of this ticket that waits")
    needs = IdField(help_text="the task of this project that it waits for")
    when = serializers.ChoiceField(ENDS, default="success")
    on_failure = serializers.ChoiceField(POLICIES, default="hold")


class EdgesView(View):
    scope = "tickets:write"

    @route(
        "Add a need: a task waits for another",
        takes=EdgeIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(NeedOut, status=201),
        refuses=(404, 409, 422),
        tag="tickets",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(EdgeIn, request), the_ticket(self, key)
        if not ticket.tasks.filter(pk=data["task"]).exists():
            raise Invalid(f"there is no such task in {ticket}", field="task")
        edge = Edge(data["needs"], data["task"], data["when"], data["on_failure"])
        Need.objects.add(ticket.project_id, [edge], by=request.user)
        return Response(NeedOut(Need.objects.get(parent=edge.parent, child=edge.child)).data, status=201)


class EdgeView(View):
    scope = "tickets:write"

    @route(
        "Remove a need",
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(status=204),
        refuses=(404, 409),
        tag="tickets",
    )
    def delete(self, request: Request, key: str, pk: str) -> Response:
        ticket = the_ticket(self, key)
        need = Need.objects.select_related("child").filter(pk=number(pk), child__ticket=ticket).first()
        if need is None:
            raise NotFound(f"{ticket} has no edge {pk}")
        Need.objects.remove(need, by=request.user)
        return Response(status=204)
