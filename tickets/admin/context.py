"""What the phases of a ticket hand over, and the notes that were added to it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.text import Truncator

from omoi_site.admin_base import ReadOnlyModelAdmin, badge, since
from tickets.admin.filters import PhaseFilter
from tickets.models import ContextNote, PhaseContext


@admin.register(PhaseContext)
class PhaseContextAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "number", "why", "shown_size", "by", since("at")]
    list_filter = ["why", PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=by", "=hash"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PhaseContext]:
        return super().get_queryset(request).defer("content")

    @admin.display(description="size", ordering="size")
    def shown_size(self, version: PhaseContext) -> str:
        return filesizeformat(version.size)


@admin.register(ContextNote)
class ContextNoteAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "kind", "shown_text", "standing", "by", since("at")]
    list_filter = ["kind", PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=by", "text"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="text")
    def shown_text(self, note: ContextNote) -> str:
        return Truncator(note.text).chars(100)

    @admin.display(description="state")
    def standing(self, note: ContextNote) -> str:
        return badge("withdrawn", "neutral") if note.withdrawn_at else badge("holds", "ok")
