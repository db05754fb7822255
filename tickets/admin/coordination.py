"""Patterns applied to tickets, the syncs and merges among their tasks, what agents discovered, and validation
that failed.
"""

from __future__ import annotations

from django.contrib import admin
from django.utils.text import Truncator

from omoi_site.admin_base import ReadOnlyModelAdmin, since
from tickets.models import Discovery, Operation, OthersCancelled, PatternRun, Validation


@admin.register(PatternRun)
class PatternRunAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "pattern", "key", "by", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=pattern", "=key", "=by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]


@admin.register(Operation)
class OperationAdmin(ReadOnlyModelAdmin):
    inside, internal = "task__project", True
    list_display = ["task", "kind", "strategy", "timeout_s", "on_timeout", since("since")]
    list_filter = ["strategy", "on_timeout"]
    search_fields = ["=task__ticket__key"]
    list_select_related = ["task"]
    ordering = ["-task"]

    @admin.display(description="kind")
    def kind(self, operation: Operation) -> str:
        return operation.task.operation


@admin.register(OthersCancelled)
class OthersCancelledAdmin(ReadOnlyModelAdmin):
    inside, internal = "task__project", True
    list_display = ["task", "waits"]
    list_filter = ["waits"]
    search_fields = ["=task__ticket__key"]
    list_select_related = ["task"]
    ordering = ["-task"]


@admin.register(Discovery)
class DiscoveryAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = ["shown_title", "type", "ticket", "state", "by", since("at")]
    list_filter = ["state", ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=type", "=by", "title"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="title")
    def shown_title(self, discovery: Discovery) -> str:
        return Truncator(discovery.title).chars(100)


@admin.register(Validation)
class ValidationAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = ["task", "number", "shown_error", "fix", "counted", "by", since("at")]
    list_filter = ["counted", ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=signature", "=by"]
    list_select_related = ["task", "fix"]
    ordering = ["-id"]

    @admin.display(description="error")
    def shown_error(self, validation: Validation) -> str:
        return Truncator(validation.error).chars(100)
