"""The shape of new tasks, and its translation for the verb."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.fields import MomentField, text_of, texts_of
from agents.api.parsing import Shape
from omoi_site.errors import Faults
from tickets.api.fields import IdField, PhaseField, PriorityField, StallField, number
from tickets.models import Need, Task, TaskSpec
from tickets.models.task.task_spec import NeedSpec

ENDS, POLICIES = Need.When.values, Need.OnFailure.values
NAME = 100  # characters of a ref
MOST = 5_000  # tasks at once, because the answer lists all of them


class NeedIn(Shape):
    task = serializers.CharField(max_length=NAME)
    when = serializers.ChoiceField(ENDS, default="success")
    on_failure = serializers.ChoiceField(POLICIES, default="hold")

    def read(self, data: Any, path: str, faults: Faults) -> Any:
        """A plain text stands for {"task": text}, and stays a text: a body may have a hundred thousand of
        them.
        """
        if not isinstance(data, str):
            return super().read(data, path, faults)
        name = data.strip()
        if not 0 < len(name) <= NAME or "\0" in name:
            return faults.add(path, f"a task's id or ref must have 1 to {NAME} characters")
        return name


@extend_schema_field({"oneOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}]})
class JoinField(serializers.Field):
    """`all`, `any`, or how many needs must be met."""

    def to_internal_value(self, data: Any) -> int | None:
        if data in ("all", "any"):
            return None if data == "all" else 1
        if isinstance(data, int) and not isinstance(data, bool) and data >= 1:
            return data
        raise serializers.ValidationError("must be all, any or a number from 1 on")

    def to_representation(self, value: Any) -> Any:
        return value


class TaskIn(Shape):
    ref = serializers.CharField(
        max_length=NAME, required=False, help_text="a name by which other tasks of this batch can need it"
    )
    title = text_of(Task, "title")
    description = text_of(Task, "description", required=False, allow_blank=True)
    kind = text_of(Task, "kind", required=False)
    phase = PhaseField(required=False)
    priority = PriorityField(required=False)
    capabilities = texts_of(Task, "capabilities", required=False)
    needs = serializers.ListField(child=NeedIn(), max_length=1000, required=False)
    join = JoinField(required=False)
    needed_by = serializers.ListField(
        child=IdField(),
        max_length=1000,
        required=False,
        help_text="pending tasks of this project that wait for it from now on",
    )
    locks = serializers.ListField(
        max_length=100, required=False, help_text="not supported yet: only an empty list is accepted"
    )
    profile = text_of(Task, "profile", required=False, allow_blank=True)
    slots = serializers.DictField(required=False)
    timeout_s = serializers.IntegerField(min_value=1, max_value=30 * 86400, required=False, allow_null=True)
    stall_after_s = StallField(required=False, allow_null=True)
    max_attempts = serializers.IntegerField(min_value=1, max_value=100, required=False)
    not_before = MomentField(required=False, allow_null=True)
    deadline = MomentField(required=False, allow_null=True)

    def validate_locks(self, locks: list[Any]) -> list[Any]:
        if locks:
            raise serializers.ValidationError(
                "locks of tasks are not supported yet; leave this field out", "unsupported"
            )
        return locks


class TasksIn(Shape):
    tasks = TaskIn(many=True, allow_empty=False, max_length=MOST)  # type: ignore[call-arg]


def specs(tasks: list[dict[str, Any]]) -> list[TaskSpec]:
    """The tasks as the verb takes them. A need that equals a `ref` of the batch means that task; otherwise it
    is an id.
    """
    refs = {task["ref"] for task in tasks if "ref" in task}
    return [_spec(dict(task), refs) for task in tasks]


def _spec(task: dict[str, Any], refs: set[str]) -> TaskSpec:
    task.pop("locks", None)
    return TaskSpec(needs=[_need(need, refs) for need in task.pop("needs", [])], **task)


def _need(data: str | dict[str, str], refs: set[str]) -> NeedSpec:
    return (
        NeedSpec(on(data, refs))
        if isinstance(data, str)
        else NeedSpec(on(data["task"], refs), data["when"], data["on_failure"])
    )


def on(text: str, refs: set[str]) -> int | str:
    return text if text in refs or number(text) < 0 else number(text)
