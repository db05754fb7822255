"""Templates of tickets, schedules and their runs. They are changed on their pages."""

from __future__ import annotations

from django.contrib import admin

from agents.admin.filters import OwnProjects
from omoi_site.admin_base import ReadOnlyModelAdmin, badge, since
from tickets.models import Schedule, ScheduleRun, TicketTemplate

TONES = {"opened": "ok", "owed": "warn", "skipped": "neutral"}


@admin.register(TicketTemplate)
class TicketTemplateAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = ["name", "project", "title", "workflow", since("created_at"), since("removed_at")]
    list_filter = [("project", OwnProjects), ("removed_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "title", "project__key"]
    list_select_related = ["project"]


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = ["id", "project", "template", "cron", "timezone", "enabled", "next_at"]
    list_filter = [("project", OwnProjects), "enabled", "overlap", ("removed_at", admin.EmptyFieldListFilter)]
    search_fields = ["template__name", "cron", "project__key"]
    list_select_related = ["project", "template"]


@admin.register(ScheduleRun)
class ScheduleRunAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = ["due_at", "schedule", "outcome", "why", "detail", "ticket", "by_hand"]
    list_filter = [("project", OwnProjects), "state", "why"]
    search_fields = ["schedule__template__name", "ticket__key"]
    list_select_related = ["project", "schedule__template", "ticket"]

    @admin.display(description="state", ordering="state")
    def outcome(self, run: ScheduleRun) -> str:
        return badge(run.get_state_display(), TONES[run.state])
