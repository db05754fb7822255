"""Routes of tasks as people see them: list, look, change, cancel, retry, bump, explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from agents.api.view import View
from omoi_site.errors import NotFound
from tickets.api.fields import IdField, PriorityField, number
from tickets.models import Need, Task


class TaskOut(serializers.Serializer):
    id = IdField(source="pk")
    key = serializers.CharField()
    ticket = serializers.CharField(source="ticket_key")
    title = serializers.CharField()
    description = serializers.CharField()
    kind = serializers.CharField()
    phase = serializers.CharField()
    priority = PriorityField()
    capabilities = serializers.ListField(child=serializers.CharField())
    profile = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(Task.State.values)
    ready = serializers.BooleanField(source="is_ready")
    waiting_on = serializers.CharField(allow_null=True)
    needs = serializers.ListField(child=serializers.DictField(), help_text="each {id, task, when, on_failure}")
    join = serializers.IntegerField(allow_null=True, help_text="how many needs must be met; null: all")
    open_needs = serializers.IntegerField()
    holder = serializers.CharField(allow_null=True)
    fence = serializers.IntegerField()
    attempts = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    timeout_s = serializers.IntegerField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True)
    lease_expires_at = serializers.DateTimeField(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    progress = serializers.DictField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


def shown(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Tasks as clients see them, in a fixed number of statements."""
    ids = [task.pk for task in tasks]
    holders = dict(Task.objects.filter(pk__in=ids, holder__isnull=False).values_list("pk", "holder__name"))
    needs: dict[int, list[dict[str, str]]] = {}
    for need in Need.objects.filter(child__in=ids).order_by("id"):
        told = {"id": str(need.pk), "task": str(need.parent_id), "when": need.on_end, "on_failure": need.on_failure}
        needs.setdefault(need.child_id, []).append(told)
    return [_shown(task, holders.get(task.pk), needs.get(task.pk, []), None) for task in tasks]


def _shown(task: Task, holder: str | None, needs: list[dict[str, str]], waiting_on: str | None) -> dict[str, Any]:
    plain = {name: getattr(task, field.source if field.source != name else name) for name, field in FIELDS.items() if name not in GIVEN}
    told = {name: None if value is None else FIELDS[name].to_representation(value) for name, value in plain.items()}
    return {**told, "holder": holder, "needs": needs, "waiting_on": waiting_on}


GIVEN = {"holder", "needs", "waiting_on"}
FIELDS = {name: field for name, field in TaskOut().fields.items()}
for _name, _field in FIELDS.items():
    _field.source = _field.source or _name


def the_task(view: View, pk: str, *, need: bool = True) -> Task:
    """The task with this id, when the caller sees its project and (with `need`) may do this there."""
    found = Task.objects.seen_by(view.request.user).select_related("project").filter(pk=number(pk)).first()
    if found is None:
        raise NotFound(f"there is no task {pk}, or you are not a member of its project")
    if need:
        view.need(found.project)
    return found
