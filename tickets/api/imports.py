"""The route that imports work of another tool."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, Answer, route
from agents.api.parsing import Shape, parse
from agents.api.strict_json import ShortJSONParser
from agents.api.view import View
from omoi_site.errors import Invalid
from tickets import interchange


class ImportIn(Shape):
    format = serializers.ChoiceField(list(interchange.FORMATS))
    project = serializers.CharField(max_length=10)
    workflow = serializers.CharField(max_length=63, required=False, allow_blank=True, default="")
    dry_run = serializers.BooleanField(default=False, help_text="only report; change nothing")
    document = serializers.CharField(
        required=False,
        trim_whitespace=False,
        help_text="the file's text, at most 1 MiB; or send a file",
    )
    file = serializers.FileField(
        required=False, help_text="the file itself, as multipart/form-data, up to 50 MiB"
    )


class ReportOut(serializers.Serializer):
    format = serializers.CharField()
    project = serializers.CharField()
    dry_run = serializers.BooleanField()
    tickets = serializers.DictField(child=serializers.IntegerField(), help_text="{new, known, changed}")
    tasks = serializers.IntegerField()
    paused = serializers.DictField(
        child=serializers.IntegerField(), help_text="new paused tickets, counted by reason"
    )
    ready = serializers.IntegerField(help_text="new tasks that can be claimed at once")
    needs = serializers.IntegerField()
    parents = serializers.IntegerField()
    links = serializers.IntegerField()
    comments = serializers.IntegerField()
    external_refs = serializers.IntegerField(help_text="tickets whose external reference was set")
    skipped = serializers.DictField(
        help_text=(
            "rows that are not work, counted by type; edges to those and to deleted issues,"
            " counted by kind and listed"
        )
    )
    awaited = serializers.DictField(
        help_text="edges to ids not imported yet, by kind and listed; a later import completes them"
    )
    closed = serializers.IntegerField(help_text="edges of earlier imports that this one completed")
    changed = serializers.ListField(
        child=serializers.DictField(),
        help_text="existing tickets that differ in the file: {id, ticket, fields}",
    )
    left_out = serializers.DictField(
        child=serializers.IntegerField(), help_text="fields that Omoi does not have, and how often they occur"
    )
    warnings = serializers.ListField(child=serializers.CharField())


class ImportsView(View):
    scope = "tickets:write"
    parser_classes = [ShortJSONParser, MultiPartParser]

    @route(
        "Import a backlog, all or nothing",
        takes=ImportIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ReportOut, status=201),
        refuses=(404, 409, 413, 422),
        tag="imports",
    )
    def post(self, request: Request) -> Response:
        data = parse(ImportIn, request)
        project = self.project(data["project"])

        report = interchange.run(
            data["format"],
            _file(data),
            project=project,
            by=request.user,
            dry_run=data["dry_run"],
            workflow=data["workflow"],
        )
        return Response(report.as_dict(), status=201)


def _file(data: dict[str, Any]) -> BinaryIO:
    if ("document" in data) == ("file" in data):
        raise Invalid("send either a document or a file", field="document")
    return io.BytesIO(data["document"].encode()) if "document" in data else data["file"]
