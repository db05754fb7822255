"""The route of a workflow's statistics."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import route
from agents.api.parsing import Shape, parse_query
from agents.api.view import View
from tickets.models.workflow_statistics import DAYS, MOST_DAYS, statistics


class SecondsField(serializers.FloatField):
    """A length of time, in seconds."""

    def to_representation(self, value: Any) -> Any:
        return value.total_seconds()


class QuantilesOut(serializers.Serializer):
    p50 = SecondsField(help_text="half of them took at most this")
    p95 = SecondsField(help_text="95 of 100 took at most this")


class EstimateRecordOut(serializers.Serializer):
    count = serializers.IntegerField(help_text="each made when one of the done tickets entered a phase")
    in_time = serializers.FloatField(help_text="the share that was done by `likely_by`; 0.8 is right")
    error_s = SecondsField(source="error", help_text="half were off from `expected_at` by at most this")


class WorkflowStatisticsOut(serializers.Serializer):
    workflow = serializers.CharField()
    since = serializers.DateTimeField(help_text="the begin of the window; only what ended in it counts")
    open = serializers.IntegerField(help_text="tickets that are open now")
    blocked = serializers.IntegerField(help_text="tickets that are in BLOCKED now")
    done = serializers.IntegerField(help_text="tickets that reached a last phase; not those opened there")
    cancelled = serializers.IntegerField()
    lead_time_s = QuantilesOut(
        source="lead_time", allow_null=True, help_text="from its opening until it was done"
    )
    cycle_time_s = QuantilesOut(
        source="cycle_time", allow_null=True, help_text="from its first move on until it was done"
    )
    reopen_rate = serializers.FloatField(
        allow_null=True, help_text="of what was done or cancelled, the share reopened or followed up since"
    )
    blocked_ratio = serializers.FloatField(
        allow_null=True, help_text="of the lead times together, the share in BLOCKED"
    )
    estimates = EstimateRecordOut(allow_null=True, help_text="how they held; null: there were none")


class StatisticsIn(Shape):
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=DAYS)
    project = serializers.CharField(max_length=10, required=False, help_text="only of its tickets")


class StatisticsView(View):
    @route(
        "How fast tickets get through a workflow, in your projects",
        parameters=[StatisticsIn],
        gives=WorkflowStatisticsOut,
        refuses=(404,),
        tag="workflows",
    )
    def get(self, request: Request, name: str) -> Response:
        query = parse_query(StatisticsIn, request)
        project = self.project(query["project"]) if "project" in query else None
        [found] = statistics(name, by=request.user, project=project, days=query["days"])
        return Response(WorkflowStatisticsOut(found).data)
