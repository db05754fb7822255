"""The figures of hours, and how far the journal has been counted."""

from __future__ import annotations

from django.contrib import admin

from omoi_site.admin_base import ReadOnlyModelAdmin, UnscopedModelAdmin, since
from tickets.models import FiguresPlace, HourlyFigures


@admin.register(HourlyFigures)
class HourlyFiguresAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["hour", "project_id", "completed", "failed", "lapsed", "judged", "refused", "ready"]
    list_filter = [("hour", admin.DateFieldListFilter)]
    search_fields = ["=project_id"]


@admin.register(FiguresPlace)
class FiguresPlaceAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    large = False
    internal = True
    list_display = ["__str__", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["=id"]
