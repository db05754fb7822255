"""The route of failed validations."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import parse_query
from agents.api.view import View
from tickets.api.fields import IdField
from tickets.api.tasks import the_task


class ValidationOut(serializers.Serializer):
    id = IdField(source="pk")
    number = serializers.IntegerField(help_text="which failure it is since a person last retried the task")
    signature = serializers.CharField(help_text="equal for failures of the same kind")
    error = serializers.CharField(allow_blank=True)
    fix = IdField(source="fix_id", allow_null=True, help_text="the task that puts it right; null: it ended")
    counted = serializers.BooleanField(help_text="false: a person has retried the task since")
    fence = serializers.IntegerField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class ValidationsView(View):
    @route(
        "How often a task failed validation, and what put it right; oldest first",
        parameters=[PageIn],
        gives=listing("Validations", ValidationOut),
        refuses=(404,),
        tag="tasks",
    )
    def get(self, request: Request, pk: str) -> Response:
        query = parse_query(PageIn, request)
        rows = the_task(self, pk).validations.all()
        return page(request, rows, query, lambda rows: ValidationOut(rows, many=True).data)
