"""Tasks and lanes: read and acted on here; added and edited over the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from agents.admin.filters import OwnProjects
from omoi_site.admin_base import ReadOnlyModelAdmin, ValueFilter, admin_action, badge, since
from tickets.admin.filters import PhaseFilter, ProjectFilter
from tickets.models import Lane, LaneLook, Task
from tickets.templatetags.tickets import TASK


class TaskStateFilter(ValueFilter):
    title, parameter_name, words = "state", "state", Task.State.values


def acted(verb: str) -> Any:
    """An action that calls the verb of that name on one task."""
    return lambda task, request, reason: Task.objects.act(task.pk, verb, by=request.user, reason=reason)


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
    ordering = ["-id"]
    actions = [
        admin_action(
            "Cancel tasks",
            acted("cancel"),
            effect="Their claims end. Needs decide what happens to tasks that wait for them.",
            least=1,
        ),
        admin_action(
            "Retry tasks",
            acted("retry"),
            effect="Failed and cancelled tasks become pending again, with all their attempts.",
            least=1,
        ),
        admin_action("Bump tasks", acted("bump"), effect="They are claimed before all other work.", least=1),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, task: Task) -> str:
        return badge(task.status, TASK[task.status][0])


@admin.register(Lane)
class LaneAdmin(ReadOnlyModelAdmin):
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
