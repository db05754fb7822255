"""The events of the journal."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.models import (
    Event,
    Project,
)
from omoi_site.admin_base import ReadOnlyModelAdmin, ValueFilter, since


class NounFilter(ValueFilter):
    title, parameter_name, words = (
        "about",
        "about",
        ["task", "ticket", "agent", "key", "project", "member", "user"],
    )

    def queryset(self, request: HttpRequest, rows: QuerySet[Event]) -> QuerySet[Event]:
        return rows.filter(kind__startswith=f"{self.value()}.") if self.value() else rows


@admin.register(Event)
class EventAdmin(ReadOnlyModelAdmin):
    list_display = ["kind", "subject", "topic", "actor", "reason", since("at")]
    list_filter = [NounFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=subject", "=topic", "=actor", "=kind"]
    search_help_text = (
        "A whole subject (task:17), topic (ticket:OMO-142), actor (agent:ada) or kind (task.claimed)"
    )
    exact = ["topic"]
    ordering = ["-id"]

    def seen(self, rows: QuerySet[Event], who: Any) -> QuerySet[Event]:
        return rows.filter(project_id__in=Project.objects.seen_by(who).values("pk"))
