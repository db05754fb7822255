"""Acts on many tasks, and the outputs of claims: what is kept of both."""

from __future__ import annotations

from django.contrib import admin

from omoi_site.admin_base import ReadOnlyModelAdmin, UnscopedModelAdmin, since
from omoi_site.admin_lists import RecentValuesFilter
from tickets.models import BulkAct, BulkBatch, OutputPiece, TaskOutput


@admin.register(BulkAct)
class BulkActAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    list_display = ["id", "act", "state", "number", "done", "actor", since("created_at")]
    list_filter = ["act", "state", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["=id", "actor", "reason"]


@admin.register(BulkBatch)
class BulkBatchAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["id", "bulk_id", "number", "tries", since("ended_at")]
    list_filter = [("ended_at", admin.DateFieldListFilter)]
    search_fields = ["=bulk__id"]


@admin.register(TaskOutput)
class TaskOutputAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["id", "task_id", "fence", "attempt", "agent", "size", since("updated_at")]
    list_filter = [("updated_at", admin.DateFieldListFilter)]
    search_fields = ["=task_id", "agent"]


@admin.register(OutputPiece)
class OutputPieceAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    hidden = ("text",)
    list_display = ["id", "output_id", "place", "size"]
    list_filter = [("size", RecentValuesFilter)]
    search_fields = ["=output_id"]
