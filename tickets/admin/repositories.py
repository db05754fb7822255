"""Repositories of projects."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.admin.filters import OwnProjects
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import OmoiModelAdmin, badge, since
from tickets.models import NewRepository, Repository

SET = ["url", "base"]


@admin.register(Repository)
class RepositoryAdmin(OmoiModelAdmin):
    inside = "project"
    list_display = ["name", "project", "url", "base", "state", since("fetched_at")]
    list_filter = [("project", OwnProjects), ("fetched_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "url", "project__key"]
    autocomplete_fields = ["project"]
    list_select_related = ["project"]
    fields = ["project", "name", *SET, "landing", "state", "tried_at", "fetched_at"]
    actions = [
        admin_action(
            "Fetch repositories",
            lambda row, request, reason: Repository.objects.ask_to_fetch(row.pk, by=request.user),
            effect="A worker fetches them now. Look again in a moment.",
        )
    ]

    @admin.display(description="last fetch")
    def state(self, repository: Repository) -> str:
        if repository.fault:
            return badge(repository.fault["message"], "bad")
        return badge("fetched", "ok") if repository.fetched_at else badge("not fetched yet", "warn")

    def get_readonly_fields(self, request: HttpRequest, obj: Repository | None = None) -> list[str]:
        fixed = ["landing", "state", "tried_at", "fetched_at"]
        return ["project", "name", *fixed] if obj else fixed

    def save_model(
        self, request: HttpRequest, repository: Repository, form: forms.ModelForm, change: bool
    ) -> None:
        given = form.cleaned_data
        if change:
            changes = {name: given[name] for name in form.changed_data if name in SET}
            stored = Repository.objects.edit(repository.pk, by=request.user, **changes)
        else:
            new = NewRepository(given["name"], given["url"], given["base"])
            stored = Repository.objects.add(given["project"], new, by=request.user)
        repository.__dict__.update(stored.__dict__)

    def delete_model(self, request: HttpRequest, repository: Repository) -> None:
        Repository.objects.remove(repository.pk, by=request.user)

    def delete_queryset(self, request: HttpRequest, repositories: QuerySet[Any]) -> None:
        for repository in repositories:
            self.delete_model(request, repository)
