"""Routes of artifacts: submit, list, read, download."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, IF_NONE_MATCH, IF_RANGE, RANGE, Answer, listing, route
from agents.api.pagination import PageIn, page
from agents.api.parsing import Shape, parse, parse_query
from agents.api.strict_json import ShortJSONParser
from agents.api.view import View
from agents.models import rights
from omoi_site.errors import NotFound
from tickets.api.content import download
from tickets.api.fields import FenceField, IdField, PhaseField, number
from tickets.api.tickets import the_ticket
from tickets.models import Artifact, NewArtifact, Task


class NewArtifactIn(Shape):
    """An artifact in a settlement; its text is stored as a file."""

    type = serializers.CharField(max_length=100)
    content = serializers.CharField(allow_blank=True, trim_whitespace=False)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    phase = PhaseField(required=False, allow_blank=True)
    path = serializers.CharField(max_length=500, required=False, allow_blank=True)
    commit = serializers.CharField(max_length=100, required=False, allow_blank=True)


class NewArtifactsIn(serializers.ListField):
    child = NewArtifactIn()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 100, "required": False, **kwargs})


def new_artifacts(items: list[dict[str, Any]]) -> list[NewArtifact]:
    """The artifacts as the settling verb takes them."""
    return [NewArtifact(**{**item, "content": io.BytesIO(item["content"].encode())}) for item in items]


class ArtifactIn(NewArtifactIn):
    content = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, help_text="the text; or send a file"
    )
    file = serializers.FileField(
        required=False,
        allow_empty_file=True,
        max_length=500,
        help_text="the file itself, as multipart/form-data, up to 100 MiB",
    )
    task = IdField(
        required=False,
        help_text="the task that you hold; with its fence, the scope `work` is enough",
    )
    fence = FenceField(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("content" in data) == ("file" in data):
            raise serializers.ValidationError({"content": ["send either content or a file"]})
        if ("task" in data) != ("fence" in data):
            raise serializers.ValidationError({"fence": ["send a task and its fence together"]})
        return data


class ArtifactOut(serializers.Serializer):
    id = IdField(source="pk")
    phase = serializers.CharField()
    name = serializers.CharField()
    revision = serializers.IntegerField()
    type = serializers.CharField()
    hash = serializers.CharField(help_text="SHA-256 of the content, hex")
    size = serializers.IntegerField(source="blob.size", help_text="bytes")
    path = serializers.CharField(allow_blank=True)
    commit = serializers.CharField(allow_blank=True)
    task = IdField(source="task_id", allow_null=True)
    fence = serializers.IntegerField(allow_null=True)
    by = serializers.CharField()
    at = serializers.DateTimeField()


class ArtifactsIn(PageIn):
    phase = PhaseField(required=False)
    type = serializers.CharField(max_length=100, required=False)
    name = serializers.CharField(max_length=200, required=False)
    current = serializers.BooleanField(default=False, help_text="only the newest revision of each name")


class ArtifactsView(View):
    scope = f"tickets:write{rights.EITHER}work"
    parser_classes = [ShortJSONParser, MultiPartParser]

    @route(
        "The artifacts of a ticket",
        parameters=[ArtifactsIn],
        gives=listing("Artifacts", ArtifactOut),
        refuses=(404,),
        tag="artifacts",
    )
    def get(self, request: Request, key: str) -> Response:
        data, ticket = parse_query(ArtifactsIn, request), the_ticket(self, key)
        artifacts = Artifact.objects.filter(ticket=ticket).select_related("blob")
        for name in ("phase", "type", "name"):
            if name in data:
                artifacts = artifacts.filter(**{name: data[name]})
        if data["current"]:
            artifacts = artifacts.filter(pk__in=ticket.artifacts.current().values("pk"))
        return page(request, artifacts, data, lambda rows: ArtifactOut(rows, many=True).data)

    @route(
        "Submit an artifact",
        takes=ArtifactIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(ArtifactOut, status=201),
        refuses=(404, 409, 413, 422),
        tag="artifacts",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(ArtifactIn, request), the_ticket(self, key)
        task, fence = (Task(pk=data.pop("task")), data.pop("fence")) if "task" in data else (None, None)
        new = NewArtifact(content=_file(data), **data)
        artifact = Artifact.objects.submit(ticket, new, task=task, fence=fence, by=request.user)
        return Response(ArtifactOut(artifact).data, status=201)


def _file(data: dict[str, Any]) -> BinaryIO:
    file = data.pop("file", None)
    if file is None:
        return io.BytesIO(data.pop("content").encode())
    return file


def the_artifact(view: View, key: str, pk: str) -> Artifact:
    artifact = (
        Artifact.objects.filter(ticket=the_ticket(view, key), pk=number(pk)).select_related("blob").first()
    )
    if artifact is None:
        raise NotFound(f"{key.upper()} has no artifact {pk}")
    return artifact


class ArtifactView(View):
    @route("One artifact, without its content", gives=ArtifactOut, refuses=(404,), tag="artifacts")
    def get(self, request: Request, key: str, pk: str) -> Response:
        return Response(ArtifactOut(the_artifact(self, key, pk)).data)


class ContentView(View):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(
            request, force=True
        )  # the type of a file does not depend on Accept

    @route(
        "Its content, as it was submitted",
        parameters=[RANGE, IF_RANGE, IF_NONE_MATCH],
        gives=Answer(
            OpenApiTypes.BINARY,
            media_type="application/octet-stream",
            empty={304: "you have it already", 416: "`Range` is past its end"},
            part=True,
        ),
        refuses=(404,),
        tag="artifacts",
    )
    def get(self, request: Request, key: str, pk: str) -> HttpResponseBase:
        return download(request._request, the_artifact(self, key, pk))
