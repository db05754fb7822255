"""Workflows and their phases."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from omoi_site.admin_base import ReadOnlyInline, ReadOnlyModelAdmin, UnscopedModelAdmin, since
from tickets.models import Workflow, WorkflowPhase


class WorkflowPhaseInline(ReadOnlyInline):
    model = WorkflowPhase
    fields = ["position", "name", "to", "start", "gated", "automatic"]
    verbose_name_plural = "phases"


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    """A version never changes. A new one is written on the page of its workflow, installed over the API or
    with `python3 manage.py workflows install`.
    """

    large = False
    list_display = ["name", "version", since("created_at")]
    list_filter = ["name"]
    search_fields = ["name"]
    inlines = [WorkflowPhaseInline]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["name", "version", "created_at", "page", "yaml"]

    get_readonly_fields = get_fields

    @admin.display(description="on its page")
    def page(self, row: Workflow) -> SafeString:
        address = f"{reverse('workflow', args=[row.name])}?version={row.version}"
        return format_html('<a href="{}">{} version {}</a>', address, row.name, row.version)

    @admin.display(description="document")
    def yaml(self, row: Workflow) -> SafeString:
        return format_html("<pre>{}</pre>", row.text)


@admin.register(WorkflowPhase)
class WorkflowPhaseAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    large = False
    internal = True
    list_display = ["workflow", "position", "name", "to", "start", "gated", "automatic"]
    list_filter = ["workflow", ("automatic", admin.EmptyFieldListFilter), "gated"]
    search_fields = ["name", "workflow__name"]
    list_select_related = ["workflow"]
