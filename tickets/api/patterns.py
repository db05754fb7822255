"""Routes of patterns: read the shipped ones, apply one to a ticket, merge results."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import IDEMPOTENCY_KEY, Answer, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from tickets.api.fields import PriorityField
from tickets.api.tickets import the_ticket
from tickets.models import PatternRequest, PatternRun, Task
from tickets.models.coordination.applied import Applied
from tickets.models.coordination.merge_request import merge_pattern
from tickets.models.coordination.pattern_run import KEY
from tickets.patterns import document as documents
from tickets.patterns.schema import MOST_TASKS, STRATEGIES, schema
from tickets.workflows.text import as_yaml

AGAIN = {200: "a dry run; or it was applied before under this key"}
ID = 40  # characters of an id or key of a task
KEY_HELP = "the same key with the same request adds nothing again"


class PatternOut(serializers.Serializer):
    name = serializers.CharField()
    description = serializers.CharField()
    arguments = serializers.ListField(child=serializers.CharField(), help_text="what must be given")


class PatternDocumentOut(PatternOut):
    document = serializers.DictField()
    text = serializers.SerializerMethodField(help_text="the document as YAML, as it was written")

    def get_text(self, pattern: documents.Pattern) -> str:
        return pattern.parsed.text if pattern.parsed else as_yaml(pattern.document)


class PatternsOut(serializers.Serializer):
    patterns = PatternOut(many=True)


class AppliedTaskOut(serializers.Serializer):
    """A task of a pattern; `id`, `key` and `state` are null while it is only planned."""

    name = serializers.CharField(help_text="its name in the pattern")
    block = serializers.ChoiceField(["split", "sync", "merge", "join"], help_text="the part that adds it")
    id = serializers.SerializerMethodField()
    key = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(Task.State.values, allow_null=True)
    title = serializers.CharField()
    kind = serializers.CharField()
    phase = serializers.CharField()
    priority = PriorityField()
    operation = serializers.ChoiceField(Task.Operations.values, allow_blank=True)
    strategy = serializers.CharField(allow_blank=True, help_text="of a merge")
    join = serializers.IntegerField(allow_null=True, help_text="how many needs must be met; null means all")
    timeout_s = serializers.IntegerField(allow_null=True, help_text="of a sync; null means it waits on")
    on_timeout = serializers.CharField(allow_blank=True, help_text="of a sync: fail or continue")
    others = serializers.CharField(
        help_text="what becomes of tasks that it no longer needs when it goes on: continue or cancel"
    )
    profile = serializers.CharField(allow_blank=True)
    capabilities = serializers.ListField(child=serializers.CharField())

    def get_id(self, task: Any) -> str | None:
        return None if task.pk is None else str(task.pk)


class AppliedEdgeOut(serializers.Serializer):
    task = serializers.CharField(help_text="the name of the task that waits")
    needs = serializers.CharField(help_text="the name of what it waits for, or the id of one in `sources`")
    when = serializers.CharField()
    on_failure = serializers.CharField()


class SourceOut(serializers.Serializer):
    id = serializers.CharField(source="pk")
    key = serializers.CharField()
    title = serializers.CharField()
    phase = serializers.CharField()
    state = serializers.ChoiceField(Task.State.values)


class AppliedOut(serializers.Serializer):
    ticket = serializers.CharField()
    key = serializers.CharField(allow_blank=True)
    pattern = serializers.CharField()
    dry_run = serializers.BooleanField()
    tasks = AppliedTaskOut(many=True)
    edges = AppliedEdgeOut(many=True)
    sources = SourceOut(many=True, help_text="tasks that were there before and are needed")


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": True}]})
class DocumentField(serializers.Field):
    """The name of a shipped pattern, or a document."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) or (isinstance(data, str) and 0 < len(data.strip()) <= 60):
            return data.strip() if isinstance(data, str) else data
        raise serializers.ValidationError("must be the name of a shipped pattern, or a document")

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(
    {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "array"}]}
)
class ArgumentField(serializers.Field):
    """A text, a number, true or false, or a list of these."""

    def to_internal_value(self, data: Any) -> Any:
        for value in data if isinstance(data, list) else [data]:
            if not isinstance(value, str | int | float | bool):
                raise serializers.ValidationError(
                    "must be a text, a number, true or false, or a list of these"
                )
            if isinstance(value, str) and ("\0" in value or len(value) > 20_000):
                raise serializers.ValidationError("must be a text without NUL, of at most 20000 characters")
        if isinstance(data, list) and len(data) > MOST_TASKS:
            raise serializers.ValidationError(f"may have at most {MOST_TASKS} entries")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class PatternIn(Shape):
    pattern = DocumentField()
    key = serializers.CharField(max_length=KEY, required=False, help_text=f"{KEY_HELP}; a dry run needs none")
    arguments = serializers.DictField(child=ArgumentField(), required=False)
    phases = serializers.DictField(
        child=serializers.CharField(max_length=70),
        required=False,
        help_text="for phases that the workflow lacks, those that stand for them",
    )
    dry_run = serializers.BooleanField(default=False, help_text="answer what would be added; store nothing")


class MergeIn(Shape):
    sources = serializers.ListField(
        child=serializers.CharField(max_length=ID),
        allow_empty=False,
        max_length=MOST_TASKS,
        help_text="ids or keys of the tasks whose results are merged",
    )
    strategy = serializers.ChoiceField(STRATEGIES)
    required = serializers.IntegerField(  # type: ignore[assignment]
        min_value=1, required=False, allow_null=True, help_text="merge as soon as so many are completed"
    )
    on_failure = serializers.ChoiceField(["hold", "cancel", "continue"], required=False)
    title = serializers.CharField(max_length=300, required=False)
    phase = serializers.CharField(max_length=70, required=False)
    priority = PriorityField(required=False)
    profile = serializers.CharField(max_length=60, required=False, help_text="of the strategy custom")
    slots = serializers.DictField(required=False)
    key = serializers.CharField(
        max_length=KEY, required=False, help_text=f"{KEY_HELP}; without it: a new one"
    )
    dry_run = serializers.BooleanField(default=False)


class PatternsView(View):
    @route("The shipped patterns", gives=PatternsOut, tag="patterns")
    def get(self, request: Request) -> Response:
        return Response({"patterns": PatternOut(documents.shipped(), many=True).data})


class PatternView(View):
    @route("One shipped pattern with its document", gives=PatternDocumentOut, refuses=(404,), tag="patterns")
    def get(self, request: Request, name: str) -> Response:
        return Response(PatternDocumentOut(documents.named(name)).data)


class PatternSchemaView(View):
    @route("JSON Schema of a pattern document", gives=OpenApiTypes.OBJECT, tag="patterns")
    def get(self, request: Request) -> Response:
        return Response(schema())


class TicketPatternsView(View):
    scope = "tickets:write"

    @route(
        "Apply a pattern: add its tasks and needs, all or none",
        takes=PatternIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(AppliedOut, status=201, also=AGAIN),
        refuses=(404, 409, 422),
        tag="patterns",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(PatternIn, request), the_ticket(self, key)
        asked = PatternRequest(
            data["pattern"], data.get("key", ""), data.get("arguments", {}), data.get("phases", {})
        )
        return applied(ticket, asked, data["dry_run"], request)


class TicketMergesView(View):
    scope = "tickets:write"

    @route(
        "Merge the results of tasks, once they are completed",
        takes=MergeIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=Answer(AppliedOut, status=201, also=AGAIN),
        refuses=(404, 409, 422),
        tag="patterns",
    )
    def post(self, request: Request, key: str) -> Response:
        data, ticket = parse(MergeIn, request), the_ticket(self, key)
        dry_run = data.pop("dry_run")
        return applied(ticket, merge_pattern(**data), dry_run, request)


def applied(ticket: Any, asked: PatternRequest, dry_run: bool, request: Request) -> Response:
    if dry_run:
        return Response(shown(ticket.key, PatternRun.objects.preview(ticket, asked, by=request.user), True))
    made, new = PatternRun.objects.apply(ticket, asked, by=request.user)
    return Response(shown(ticket.key, made, False), status=201 if new else 200)


def shown(ticket: str, made: Applied, dry_run: bool) -> Any:
    return AppliedOut({"ticket": ticket, "dry_run": dry_run, **vars(made)}).data
