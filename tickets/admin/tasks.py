"""Tasks and lanes: read and acted on here; added and edited over the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agents.admin.filters import OwnProjects
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import ReadOnlyModelAdmin, ValueFilter, badge, since
from tickets.admin.filters import PhaseFilter, ProjectFilter
from tickets.admin.priority import PRIORITY, the_priority
from tickets.models import Lane, LaneLook, Task
from tickets.models.task.intervene import REFUSALS
from tickets.models.task.readiness import OPEN, retriable
from tickets.templatetags.tickets import TASK


class TaskStateFilter(ValueFilter):
    title, parameter_name, words = "state", "state", Task.State.values


def acted(verb: str) -> Any:
    """An action that calls the verb of that name on one task."""
    return lambda task, request, reason: Task.objects.act(task.pk, verb, by=request.user, reason=reason)


POSSIBLE = {
    "cancel": lambda task: task.state in OPEN,
    "retry": retriable,
    "bump": lambda task: task.state in OPEN,
    "requeue": lambda task: task.state == Task.State.CLAIMED,
}


def outlook(verb: str) -> Any:
    """Why the state of a task does not allow this verb."""
    return lambda task, request: "" if POSSIBLE[verb](task) else f"it is {task.state}, and {REFUSALS[verb]}"


def set_priority(task: Task, request: HttpRequest, reason: str, priority: str) -> None:
    Task.objects.edit(task.pk, by=request.user, reason=reason, priority=the_priority(priority))


@admin.register(Task)
class TaskAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = [
        "__str__",
        "title",
        "shown_state",
        "phase",
        "priority",
        "holder",
        "attempts",
        since("claimed_at"),
        since("created_at"),
    ]
    list_filter = [
        TaskStateFilter,
        PhaseFilter,
        "priority",
        "unsatisfiable",
        "held",
        ("created_at", admin.DateFieldListFilter),
        ProjectFilter,
    ]
    search_fields = ["=ticket_key", "title", "=holder__name"]
    list_select_related = ["holder"]
    exact = ["ticket__key", "holder__name"]
    ordering = ["-id"]
    actions = [
        admin_action(
            "Cancel tasks",
            acted("cancel"),
            effect="Their claims end. Needs decide what happens to tasks that wait for them.",
            least=1,
            outlook=outlook("cancel"),
        ),
        admin_action(
            "Retry tasks",
            acted("retry"),
            effect="Failed and cancelled tasks become pending again, with all their attempts.",
            least=1,
            outlook=outlook("retry"),
        ),
        admin_action(
            "Requeue tasks",
            acted("requeue"),
            effect="Their holders lose their claims, and the tasks are pending again. It costs no attempt.",
            least=1,
            outlook=outlook("requeue"),
        ),
        admin_action(
            "Bump tasks",
            acted("bump"),
            effect="They are claimed before all other work.",
            least=1,
            outlook=outlook("bump"),
        ),
        admin_action(
            "Set the priority of tasks",
            set_priority,
            effect="Their place in the order of work changes with it.",
            choice=PRIORITY,
        ),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, task: Task) -> str:
        return badge(task.status, *TASK[task.status])


@admin.register(Lane)
class LaneAdmin(ReadOnlyModelAdmin):
    large = False
    inside, internal = "project", True
    list_display = ["project", "phase", "shown_capabilities", "has_profile", "paused", "guarded", "floor"]
    list_filter = [("project", OwnProjects), "has_profile", "paused", "guarded"]
    search_fields = ["=phase"]
    list_select_related = ["project"]

    @admin.display(description="capabilities")
    def shown_capabilities(self, lane: Lane) -> str:
        return ", ".join(lane.capabilities) or "any"


@admin.register(LaneLook)
class LaneLookAdmin(ReadOnlyModelAdmin):
    inside, internal = "lane__project", True
    list_display = ["lane", "looked_from", "looked_to"]
    list_filter = [("lane__project", OwnProjects)]
    search_fields = ["=lane__phase"]
    list_select_related = ["lane__project"]
