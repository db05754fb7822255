"""Routes of workflows: read, check and install versions of a document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

from agents.api.openapi import IDEMPOTENCY_KEY, IF_MATCH, FaultOut, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse_query
from agents.api.strict_json import StrictJSONParser
from agents.api.view import View, tagged
from tickets.models import Workflow
from tickets.models.workflow_preview import Preview, preview
from tickets.workflows import document as documents
from tickets.workflows.text import as_unified

YAML = "application/yaml"


class YAMLParser(BaseParser):
    """Returns the text unparsed; the check of the document parses it."""

    media_type = YAML

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return stream.read()


class TextYAMLParser(YAMLParser):
    media_type = "text/yaml"


class OldYAMLParser(YAMLParser):
    media_type = "application/x-yaml"


class WorkflowOut(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()
    start = serializers.CharField(source="plan.start")
    phases = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_phases(self, workflow: Workflow) -> list[str]:
        return [phase.name for phase in workflow.plan.phases]


class DocumentOut(WorkflowOut):
    document = serializers.DictField()
    text = serializers.CharField(help_text="the document as YAML, as it was written")


class UsageOut(serializers.Serializer):
    project = serializers.CharField()
    version = serializers.IntegerField()
    tickets = serializers.IntegerField(help_text="open tickets on this version")


class PreviewOut(serializers.Serializer):
    """What installing the document would do."""

    valid = serializers.SerializerMethodField()
    errors = FaultOut(many=True, source="faults")  # type: ignore[assignment]
    version = serializers.IntegerField(help_text="the version that it would be, once it is valid")
    unchanged = serializers.BooleanField(help_text="the version in force says the same")
    diff = serializers.SerializerMethodField(help_text="against the version in force")
    left_out = serializers.ListField(child=serializers.CharField(), source="plan.left_out", default=list)
    usage = UsageOut(many=True)

    def get_valid(self, preview: Preview) -> bool:
        return preview.plan is not None

    def get_diff(self, preview: Preview) -> str:
        return as_unified(preview.difference)


class InstallIn(Shape):
    dry_run = serializers.BooleanField(
        default=False, help_text="answer what would come of it, with all faults; store nothing"
    )


class VersionIn(Shape):
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="a version; the newest by default"
    )


class WorkflowsView(View):
    @route(
        "The newest version of each workflow",
        parameters=[PageIn],
        gives=listing("Workflows", WorkflowOut),
        tag="workflows",
    )
    def get(self, request: Request) -> Response:
        return page(request, Workflow.objects.newest(), parse_query(PageIn, request), shown, by="name")


class WorkflowView(View):
    scope = "admin"
    parser_classes = [StrictJSONParser, YAMLParser, TextYAMLParser, OldYAMLParser]

    @route(
        "One workflow with its document",
        parameters=[VersionIn],
        gives=DocumentOut,
        refuses=(404,),
        tag="workflows",
    )
    def get(self, request: Request, name: str) -> Response:
        workflow = Workflow.objects.existing(name, **parse_query(VersionIn, request))
        return tagged(DocumentOut(workflow).data, workflow.version)

    @route(
        "Install the document as the next version; an unchanged document changes nothing",
        takes={"application/json": OpenApiTypes.OBJECT, YAML: OpenApiTypes.STR},
        parameters=[InstallIn, IDEMPOTENCY_KEY, IF_MATCH],
        gives=PolymorphicProxySerializer(
            "InstalledOut", [DocumentOut, PreviewOut], resource_type_field_name=None
        ),
        refuses=(404, 412, 422),
        tag="workflows",
    )
    def put(self, request: Request, name: str) -> Response:
        if parse_query(InstallIn, request)["dry_run"]:
            return Response(PreviewOut(preview(request.data, name=name, by=request.user)).data)
        stored = Workflow.objects.install(request.data, name=name, version=self.matched(), by=request.user)
        return tagged(DocumentOut(stored).data, stored.version)


class VersionsView(View):
    @route(
        "Every version, newest first",
        parameters=[PageIn],
        gives=listing("Versions", WorkflowOut),
        refuses=(404,),
        tag="workflows",
    )
    def get(self, request: Request, name: str) -> Response:
        Workflow.objects.existing(name)
        return page(
            request, Workflow.objects.filter(name=name), parse_query(PageIn, request), shown, by="-version"
        )


class SchemaView(View):
    @route(
        "JSON Schema of a workflow document, with the known checks",
        gives=OpenApiTypes.OBJECT,
        tag="workflows",
    )
    def get(self, request: Request) -> Response:
        schema = documents.schema()
        digest = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
        return Response(schema, headers={"ETag": f'"{digest[:16]}"'})


def shown(rows: list[Workflow]) -> ReturnDict:
    return WorkflowOut(rows, many=True).data
