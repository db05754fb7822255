"""Workflows and their phases."""

from __future__ import annotations

from django.contrib import admin

from omoi_site.admin_base import ReadOnlyInline, ReadOnlyModelAdmin, UnscopedModelAdmin, since
from tickets.models import Workflow, WorkflowPhase


class WorkflowPhaseInline(ReadOnlyInline):
    model = WorkflowPhase
    fields = ["position", "name", "to", "start", "gated", "automatic"]
    verbose_name_plural = "phases"


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    """A version never changes. Install a new one over the API or with
    `python3 manage.py workflows install`.
    """

    list_display = ["name", "version", since("created_at")]
    list_filter = ["name"]
    search_fields = ["name"]
    inlines = [WorkflowPhaseInline]


@admin.register(WorkflowPhase)
class WorkflowPhaseAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["workflow", "position", "name", "to", "start", "gated", "automatic"]
    list_filter = ["workflow", ("automatic", admin.EmptyFieldListFilter), "gated"]
    search_fields = ["name", "workflow__name"]
    list_select_related = ["workflow"]
