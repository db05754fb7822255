"""Pools: accounts whose limit several agents share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.admin.filters import OwnProjects
from agents.admin.locked_action import on_locked
from agents.models import Pool
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import OmoiModelAdmin, badge, since, until


@admin.register(Pool)
class PoolAdmin(OmoiModelAdmin):
    list_display = ["name", "project", "limit", "state", until("resets_at"), since("created_at")]
    list_filter = [("project", OwnProjects), ("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "project__key"]
    autocomplete_fields = ["project"]
    list_select_related = ["project"]
    fields = [
        *("name", "project", "limit", "profiles"),
        *("closed_at", "closed_by", "close_reason", "resets_at", "created_at"),
    ]
    actions = [
        admin_action(
            "Close pools",
            on_locked("close"),
            effect="Their agents and profiles are granted nothing until somebody opens them.",
            least=1,
        ),
        admin_action("Open pools", on_locked("open"), effect="Work is granted of them again."),
    ]

    def seen(self, rows: QuerySet[Pool], who: Any) -> QuerySet[Pool]:
        return rows.filter(pk__in=Pool.objects.seen_by(who).values("pk"))

    @admin.display(ordering="closed_at")
    def state(self, pool: Pool) -> str:
        return badge("closed", "warn") if pool.closed_at else badge("open", "ok")

    def get_readonly_fields(self, request: HttpRequest, obj: Pool | None = None) -> list[str]:
        kept = ["profiles", "closed_at", "closed_by", "close_reason", "resets_at", "created_at"]
        return [*kept, *(["name", "project"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, pool: Pool, form: forms.ModelForm, change: bool) -> None:
        limit = form.cleaned_data["limit"]
        if change:
            Pool.objects.act(pool.pk, "edit", by=request.user, limit=limit)
            return
        made = Pool.objects.create_pool(pool.name, by=request.user, project=pool.project, limit=limit)
        pool.__dict__.update(made.__dict__)
