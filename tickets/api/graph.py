"""The route of a ticket's graph."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import route
from agents.api.view import View
from tickets.api.fields import IdField, PriorityField
from tickets.api.tasks import CoordinationOut
from tickets.api.tickets import the_ticket
from tickets.models import Task
from tickets.models.task.graph import graph


class RunOut(serializers.Serializer):
    key = serializers.CharField(help_text="of the run: all its tasks have it")
    pattern = serializers.CharField()
    name = serializers.CharField(help_text="of the task in the pattern")
    block = serializers.CharField(help_text="the part that added it: split, sync, merge or join")


class NodeOut(serializers.Serializer):
    id = IdField(source="pk")
    key = serializers.CharField()
    ticket = serializers.CharField(
        source="ticket_key", help_text="the task's ticket; may be another one than the asked"
    )
    title = serializers.CharField()
    kind = serializers.CharField()
    phase = serializers.CharField()
    priority = PriorityField()
    state = serializers.ChoiceField(Task.State.values)
    ready = serializers.BooleanField(source="is_ready")
    join = serializers.IntegerField(allow_null=True, help_text="how many needs must be met; null means all")
    open_needs = serializers.IntegerField()
    operation = serializers.ChoiceField(
        Task.Operations.values, allow_blank=True, help_text="a sync or merge completes by itself"
    )
    coordination = serializers.SerializerMethodField(help_text="of an operation")
    pattern = serializers.SerializerMethodField(help_text="of a task that a pattern added")

    @extend_schema_field(CoordinationOut(allow_null=True))
    def get_coordination(self, task: Task) -> dict[str, Any] | None:
        found = self.context["graph"].operations.get(task.pk)
        return CoordinationOut(found).data if found else None

    @extend_schema_field(RunOut(allow_null=True))
    def get_pattern(self, task: Task) -> dict[str, str] | None:
        return self.context["graph"].runs.get(task.pk)


class EdgeOut(serializers.Serializer):
    id = IdField(source="pk")
    task = IdField(source="child_id", help_text="the task that waits")
    needs = IdField(source="parent_id", help_text="the task that is waited for")
    when = serializers.CharField(source="on_end")
    on_failure = serializers.CharField()


class GraphOut(serializers.Serializer):
    ticket = serializers.CharField()
    nodes = NodeOut(many=True)
    edges = EdgeOut(many=True)
    left_out = serializers.IntegerField(help_text="number of tasks beyond the first 5000")


class GraphView(View):
    @route(
        "Its tasks and their needs, including those to other tickets",
        gives=GraphOut,
        refuses=(404,),
        tag="tickets",
    )
    def get(self, request: Request, key: str) -> Response:
        ticket = the_ticket(self, key)
        shown = graph(ticket)
        document = {
            "ticket": ticket.key,
            "nodes": shown.tasks,
            "edges": shown.needs,
            "left_out": shown.left_out,
        }
        return Response(GraphOut(document, context={"graph": shown}).data)
