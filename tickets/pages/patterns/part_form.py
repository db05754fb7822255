"""The form of one part alone: a split, sync, merge or join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from tickets.models import PatternRequest, Ticket
from tickets.pages.patterns.fields import Field
from tickets.pages.patterns.form import CHOICES, EMPTY, OTHERS, PatternForm
from tickets.patterns.forms import UNNAMED
from tickets.patterns.schema import JOINS, STRATEGIES


class PartForm(PatternForm):
    """One part alone: a split, sync, merge or join of tasks that are there."""

    names = {
        "source_task_id": "source",
        "waiting_task_ids": "tasks",
        "source_task_ids": "tasks",
        "target_tasks": "titles",
        "required_count": "required",
        "timeout_seconds": "timeout",
        "merge_strategy": "strategy",
        "continuation_task.title": "title",
        "continuation_task.description": "description",
        "phase_id": "phase",
        "continuation_task.phase_id": "phase",
        "title": "title",
        "profile": "profile",
    }

    def __init__(self, ticket: Ticket, typed: QueryDict | None, kind: str) -> None:
        super().__init__(ticket, typed)
        self.kind = kind

    def own_fields(self) -> Sequence[Field]:
        return {"split": self._split, "sync": self._sync, "merge": self._merge, "join": self._join}[
            self.kind
        ]()

    @property
    def _phase(self) -> Field:
        choices = [("", "That of the tasks they need"), *self.phases]
        return Field("phase", "Phase", "choice", choices=choices, optional=True)

    def _required(self) -> Field:
        return Field("required", "How many are enough", "number", hint=EMPTY["required_count"], optional=True)

    def _split(self) -> list[Field]:
        return [
            self.task("source", "Task whose work is shared"),
            Field("titles", "New tasks", "area", hint="One title a line"),
            self._phase,
            Field(
                "capabilities",
                "Skills that an agent must have",
                hint="Separated by commas",
                optional=True,
            ),
        ]

    def _sync(self) -> list[Field]:
        return [
            self.several("tasks", "Tasks that it waits for"),
            Field("title", "Title", optional=True),
            self._required(),
            Field(
                "timeout",
                "Wait at most, in seconds",
                "number",
                hint=EMPTY["timeout_seconds"],
                optional=True,
            ),
            Field("on_timeout", "When that time is over", "choice", "fail", list(CHOICES.items())),
            self._others,
        ]

    def _merge(self) -> list[Field]:
        return [
            self.several("tasks", "Tasks whose results are merged"),
            Field(
                "strategy",
                "Strategy",
                "choice",
                "combine",
                [(one, one) for one in STRATEGIES],
            ),
            self._required(),
            Field("profile", "Profile", hint="For the strategy custom", optional=True),
            Field("title", "Title", optional=True),
        ]

    def _join(self) -> list[Field]:
        strategies = [one for one in dict.fromkeys([*JOINS, *STRATEGIES]) if one not in UNNAMED]
        return [
            self.several("tasks", "Tasks that it goes on from"),
            Field("title", "Title of the new task"),
            Field("description", "Description", "area", optional=True),
            Field("strategy", "Strategy", "choice", "all", [(one, one) for one in strategies]),
            self._others,
            self._phase,
        ]

    @property
    def _others(self) -> Field:
        return Field(
            "others", "When enough have ended, the others", "choice", "continue", list(OTHERS.items())
        )

    def made(self, key: str) -> PatternRequest:
        document = {"split": self._of_split, "sync": self._of_sync, "merge": self._of_merge}.get(
            self.kind, self._of_join
        )()
        about = {"type": self.kind, "id": self.kind}
        return PatternRequest(about | _without_empty(document), key)

    def _of_split(self) -> dict[str, Any]:
        fields = self.fields
        skills = [word.strip() for word in fields.text("capabilities").split(",") if word.strip()]
        more = _without_empty({"phase_id": fields.text("phase"), "required_capabilities": skills})
        return {
            "source_task_id": fields.text("source"),
            "target_tasks": [{"title": line, **more} for line in fields.lines("titles")],
        }

    def _of_sync(self) -> dict[str, Any]:
        fields = self.fields
        tasks, required = fields.texts("tasks"), fields.number("required")
        number = f"{required} of {len(tasks)}" if required else str(len(tasks))
        return {
            "waiting_task_ids": tasks,
            "title": fields.text("title") or f"Wait for {number} tasks",
            "required_count": required,
            "timeout_seconds": fields.number("timeout"),
            "on_timeout": fields.text("on_timeout"),
            "others": fields.text("others"),
        }

    def _of_merge(self) -> dict[str, Any]:
        fields = self.fields
        tasks = fields.texts("tasks")
        return {
            "source_task_ids": tasks,
            "merge_strategy": fields.text("strategy"),
            "required_count": fields.number("required"),
            "profile": fields.text("profile"),
            "title": fields.text("title") or f"Merge the results of {len(tasks)} tasks",
        }

    def _of_join(self) -> dict[str, Any]:
        fields = self.fields
        task = {
            "title": fields.text("title"),
            "description": fields.by_name["description"].value,
            "phase_id": fields.text("phase"),
        }
        return {
            "source_task_ids": fields.texts("tasks"),
            "merge_strategy": fields.text("strategy"),
            "others": fields.text("others"),
            "continuation_task": _without_empty(task),
        }


def _without_empty(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if value not in ("", None, [])}
