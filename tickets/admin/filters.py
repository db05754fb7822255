"""List filters that several tables share."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.models import Project
from omoi_site.admin_base import ValueFilter
from tickets.models import WorkflowPhase
from tickets.workflows.document import BLOCKED, CANCELLED


class PhaseFilter(ValueFilter):
    """The phases of all workflows: few rows, however many tickets."""

    title, parameter_name = "phase", "phase"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.words = [
            *dict.fromkeys(WorkflowPhase.objects.order_by("position").values_list("name", flat=True)),
            BLOCKED,
            CANCELLED,
        ]
        return super().lookups(request, model_admin)


class ProjectFilter(admin.SimpleListFilter):
    title, parameter_name = "project", "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen = Project.objects.seen_by(request.user).order_by("key").values_list("pk", "key")[:200]
        return [(str(pk), key) for pk, key in seen]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        project = self.value() or ""
        if not project:
            return rows
        return rows.filter(project_id=int(project)) if project.isdecimal() else rows.none()
