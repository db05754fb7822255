"""Stored replies to requests with an idempotency key."""

from __future__ import annotations

from django.contrib import admin

from agents.models import (
    Reply,
)
from omoi_site.admin_base import ReadOnlyModelAdmin, since


@admin.register(Reply)
class ReplyAdmin(ReadOnlyModelAdmin):
    internal = True
    hidden = ["hash", "request", "body", "headers"]
    list_display = ["__str__", "status", "sealed", since("created_at")]
    list_filter = ["sealed", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["=status"]
